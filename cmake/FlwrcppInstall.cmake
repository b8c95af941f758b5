# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0

# What `cmake --install` puts where, in the components runtime (shared libraries), development
# (headers, static libraries, CMake package, pkg-config files) and tools (programs).
include(CMakePackageConfigHelpers)

set(FLWRCPP_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/flwrcpp)
file(RELATIVE_PATH FLWRCPP_BINDIR_TO_LIBDIR /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
file(RELATIVE_PATH FLWRCPP_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" FLWRCPP_PC_TO_PREFIX ${FLWRCPP_PC_TO_PREFIX})

# What pkg-config calls the targets that we link: one pair a line.
set(FLWRCPP_PC_NAMES
  CURL::libcurl libcurl
  OpenSSL::Crypto libcrypto
  OpenSSL::SSL libssl
  PkgConfig::hogweed "hogweed nettle gmp"
  PkgConfig::libzip libzip
  SQLite::SQLite3 sqlite3
  ZLIB::ZLIB zlib
  absl::status absl_status
  absl::statusor absl_statusor
  fmt::fmt fmt
  gRPC::grpc++ grpc++
  protobuf::libprotobuf protobuf
  tomlplusplus::tomlplusplus tomlplusplus)

# flwrcpp_pc_entries(REQUIRES LIBS TARGETS...): the targets as modules and as flags of a .pc file.
function(flwrcpp_pc_entries out_requires out_libs)
  set(requires)
  set(libs)
  foreach(target IN LISTS ARGN)
    list(FIND FLWRCPP_PC_NAMES ${target} at)
    if(NOT at EQUAL -1)
      math(EXPR at "${at} + 1")
      list(GET FLWRCPP_PC_NAMES ${at} name)
      list(APPEND requires ${name})
    elseif(target STREQUAL "Threads::Threads")
      list(APPEND libs -pthread)
    elseif(target STREQUAL "flwrcpp::libtorch")
      list(APPEND libs -ltorch_cpu -lc10)
      if(FlwrcppLibtorch_glog)
        list(APPEND libs -lglog)
      endif()
    elseif(target MATCHES "^flwrcpp::(.+)$")
      list(APPEND requires flwrcpp-${CMAKE_MATCH_1})
    else()
      message(FATAL_ERROR "${target} has no name in FLWRCPP_PC_NAMES of FlwrcppInstall.cmake")
    endif()
  endforeach()
  list(JOIN requires " " requires)
  list(JOIN libs " " libs)
  set(${out_requires} "${requires}" PARENT_SCOPE)
  set(${out_libs} "${libs}" PARENT_SCOPE)
endfunction()

# flwrcpp_install_library(ROOM [LINK_PUBLIC ...] [LINK ...]): installs flwrcpp_ROOM, exported as
# flwrcpp::ROOM, and flwrcpp-ROOM.pc. The lists are what it links.
function(flwrcpp_install_library room)
  if(NOT FLWRCPP_INSTALL)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "LINK_PUBLIC;LINK" ${ARGN})
  set(target flwrcpp_${room})
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
  set(headers)
  get_target_property(has_headers ${target} HEADER_SETS)
  if(has_headers)
    set(headers FILE_SET HEADERS COMPONENT development)
  endif()
  install(TARGETS ${target} EXPORT flwrcppTargets
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    ${headers})

  flwrcpp_pc_entries(public_requires public_libs ${arg_LINK_PUBLIC})
  flwrcpp_pc_entries(private_requires private_libs ${arg_LINK})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")  # who links it has to link everything below it
    string(APPEND public_requires " ${private_requires}")
    string(APPEND public_libs " ${private_libs}")
    set(private_requires)
    set(private_libs)
  endif()
  set(pc ${PROJECT_BINARY_DIR}/pkgconfig/flwrcpp-${room}.pc)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/flwrcpp.pc.in ${pc} @ONLY)
  install(FILES ${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()

# flwrcpp_install_program(TARGET NAME): installs a program as NAME, which among the programs of a
# system says whose it is. In the build tree it has the target's name as well.
function(flwrcpp_install_program target name)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
    INSTALL_RPATH "$ORIGIN/${FLWRCPP_BINDIR_TO_LIBDIR}")
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${name} $<TARGET_FILE_DIR:${target}>/${target}
    VERBATIM)
  if(FLWRCPP_INSTALL)
    install(TARGETS ${target} RUNTIME COMPONENT tools)
  endif()
endfunction()

# flwrcpp_install_package(): the CMake package. Call it once, when all libraries are there.
function(flwrcpp_install_package)
  if(NOT FLWRCPP_INSTALL)
    return()
  endif()
  set(out ${PROJECT_BINARY_DIR}/cmake)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/flwrcppConfig.cmake.in
    ${out}/flwrcppConfig.cmake INSTALL_DESTINATION ${FLWRCPP_INSTALL_CMAKEDIR})
  # Before 1.0 a minor version may change the API.
  write_basic_package_version_file(${out}/flwrcppConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(EXPORT flwrcppTargets NAMESPACE flwrcpp::
    DESTINATION ${FLWRCPP_INSTALL_CMAKEDIR} COMPONENT development)
  install(FILES ${out}/flwrcppConfig.cmake ${out}/flwrcppConfigVersion.cmake
    DESTINATION ${FLWRCPP_INSTALL_CMAKEDIR} COMPONENT development)
  if(FLWRCPP_TORCH)
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindFlwrcppLibtorch.cmake
      DESTINATION ${FLWRCPP_INSTALL_CMAKEDIR} COMPONENT development)
  endif()
endfunction()
