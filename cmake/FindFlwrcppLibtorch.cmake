# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0

# FindFlwrcppLibtorch: libtorch as flwrcpp::libtorch, looked for in CMAKE_PREFIX_PATH and the system.
#
# The targets of find_package(Torch) carry compiler flags, definitions of libtorch's distributed
# parts and --no-as-needed. This one has libraries and headers only, and is found again wherever
# flwrcpp is used, so that no path of the building machine is installed.
find_path(FlwrcppLibtorch_INCLUDE_DIR ATen/ATen.h)
find_path(FlwrcppLibtorch_API_INCLUDE_DIR torch/torch.h
          PATH_SUFFIXES torch/csrc/api/include)
find_library(FlwrcppLibtorch_torch_cpu torch_cpu)
find_library(FlwrcppLibtorch_c10 c10)
find_library(FlwrcppLibtorch_glog glog)  # Debian's libtorch logs by it, others may not
mark_as_advanced(FlwrcppLibtorch_INCLUDE_DIR FlwrcppLibtorch_API_INCLUDE_DIR
                 FlwrcppLibtorch_torch_cpu FlwrcppLibtorch_c10 FlwrcppLibtorch_glog)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FlwrcppLibtorch REQUIRED_VARS
  FlwrcppLibtorch_torch_cpu FlwrcppLibtorch_c10 FlwrcppLibtorch_INCLUDE_DIR
  FlwrcppLibtorch_API_INCLUDE_DIR)

if(FlwrcppLibtorch_FOUND AND NOT TARGET flwrcpp::libtorch)
  add_library(flwrcpp::libtorch INTERFACE IMPORTED)
  target_include_directories(flwrcpp::libtorch INTERFACE
    ${FlwrcppLibtorch_INCLUDE_DIR} ${FlwrcppLibtorch_API_INCLUDE_DIR})
  target_link_libraries(flwrcpp::libtorch INTERFACE
    ${FlwrcppLibtorch_torch_cpu} ${FlwrcppLibtorch_c10})
  if(FlwrcppLibtorch_glog)
    target_link_libraries(flwrcpp::libtorch INTERFACE ${FlwrcppLibtorch_glog})
  endif()
endif()
