# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0

# flwrcpp_target(TARGET): our language level, warnings and sanitizers, on our own targets only.
function(flwrcpp_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
    -Woverloaded-virtual -Wsuggest-override -Wcast-qual
    # GCC 12 sees overlapping copies in std::string's own operator+ (GCC bug 105651).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${FLWRCPP_WERROR}>:-Werror>)
  if(FLWRCPP_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${FLWRCPP_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${FLWRCPP_SANITIZE})
  endif()
  if(FLWRCPP_SANITIZE MATCHES thread)
    # protobuf gives messages with map fields another layout when it sees this macro, which the
    # system's library was built without. The standard library still gets its own.
    target_compile_options(${target} PRIVATE -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endif()
endfunction()

# flwrcpp_library(ROOM [SOURCES ...] [HEADERS ...] [LINK_PUBLIC ...] [LINK ...] [LINK_HEADERS ...]):
# one library of the SDK, flwrcpp::ROOM, and its installation. HEADERS are public ones below
# sdk/include; LINK_HEADERS are libraries of headers that only SOURCES include: who links
# flwrcpp::ROOM needs them no more.
function(flwrcpp_library room)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;LINK_PUBLIC;LINK;LINK_HEADERS" ${ARGN})
  set(target flwrcpp_${room})
  add_library(${target} ${arg_SOURCES})
  add_library(flwrcpp::${room} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_sources(${target} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR}/sdk/include FILES ${arg_HEADERS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/sdk/src)
  target_link_libraries(${target} PUBLIC ${arg_LINK_PUBLIC} PRIVATE ${arg_LINK})
  foreach(headers IN LISTS arg_LINK_HEADERS)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${headers}>)
  endforeach()
  flwrcpp_target(${target})
  flwrcpp_install_library(${room} LINK_PUBLIC ${arg_LINK_PUBLIC} LINK ${arg_LINK})
endfunction()

# flwrcpp_test(NAME LABEL SOURCES... [LINK ...]): one gtest program, registered test by test.
function(flwrcpp_test name label)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/sdk/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest_main GTest::gmock)
  target_compile_definitions(${name} PRIVATE
    FLWRCPP_GOLDEN_DIR="${PROJECT_SOURCE_DIR}/tests/golden")
  flwrcpp_target(${name})
  if(FLWRCPP_SANITIZE MATCHES undefined)
    # Its checks make the optimizer take most of the time, in code that need not be fast.
    target_compile_options(${name} PRIVATE -O0)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${label} TIMEOUT 120)
endfunction()
