# SPDX-License-Identifier: Apache-2.0
# Finds LibTorch and makes the imported target AiftTorch::torch.
#
# Looked for, in this order:
#   AIFT_TORCH_DIR            CMake variable, then environment: a folder with include/ and lib/
#                             (an unpacked LibTorch, or site-packages/torch of a Python environment)
#   the environment made by scripts/bootstrap:
#     ${AIFT_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aift}/venv
#
# Torch's own package configuration is not used: with a CUDA wheel it needs nvcc, adds global flags
# and compute architectures that current compilers refuse, and fails under C++20 with CMake 3.25.
include(FindPackageHandleStandardArgs)

set(_aift_torch_why "")
set(_aift_torch_dirs "")
if(AIFT_TORCH_DIR)
  set(_aift_torch_dirs "${AIFT_TORCH_DIR}")
elseif(NOT "$ENV{AIFT_TORCH_DIR}" STREQUAL "")
  set(_aift_torch_dirs "$ENV{AIFT_TORCH_DIR}")
else()
  if(NOT "$ENV{AIFT_CACHE_DIR}" STREQUAL "")
    set(_aift_cache "$ENV{AIFT_CACHE_DIR}")
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(_aift_cache "$ENV{XDG_CACHE_HOME}/aift")
  else()
    set(_aift_cache "$ENV{HOME}/.cache/aift")
  endif()
  file(GLOB _aift_torch_dirs "${_aift_cache}/venv/lib/python3*/site-packages/torch")
endif()

# Not cached: a changed AIFT_TORCH_DIR takes effect at the next configure.
unset(AiftTorch_INCLUDE_DIR)
foreach(_aift_name IN ITEMS c10 torch_cpu torch c10_cuda torch_cuda)
  unset(AiftTorch_${_aift_name}_LIBRARY)
endforeach()
foreach(_aift_dir IN LISTS _aift_torch_dirs)
  if(EXISTS "${_aift_dir}/include/torch/csrc/api/include/torch/torch.h")
    set(AiftTorch_INCLUDE_DIR "${_aift_dir}/include")
    foreach(_aift_name IN ITEMS c10 torch_cpu torch c10_cuda torch_cuda)
      if(EXISTS "${_aift_dir}/lib/lib${_aift_name}.so")
        set(AiftTorch_${_aift_name}_LIBRARY "${_aift_dir}/lib/lib${_aift_name}.so")
      endif()
    endforeach()
    break()
  endif()
endforeach()

if(AiftTorch_INCLUDE_DIR)
  set(_aift_version_file "${AiftTorch_INCLUDE_DIR}/torch/headeronly/version.h")
  if(NOT EXISTS "${_aift_version_file}")
    set(_aift_version_file "${AiftTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/version.h")
  endif()
  if(EXISTS "${_aift_version_file}")
    file(STRINGS "${_aift_version_file}" _aift_lines
         REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" _aift_lines "${_aift_lines}")
    list(JOIN _aift_lines "." AiftTorch_VERSION)
  endif()
endif()

# A LibTorch with the C++ ABI of before GCC 5 cannot share strings with OpenCV or with us.
if(AiftTorch_c10_LIBRARY)
  file(STRINGS "${AiftTorch_c10_LIBRARY}" _aift_new_abi REGEX "_ZN3c10.*__cxx11" LIMIT_COUNT 1)
  if(NOT _aift_new_abi)
    set(_aift_torch_why "${AiftTorch_c10_LIBRARY} uses the C++ ABI of before GCC 5 \
(_GLIBCXX_USE_CXX11_ABI=0), take a LibTorch built with the current one.")
    unset(AiftTorch_c10_LIBRARY)
  endif()
endif()

if(NOT _aift_torch_why)  # without a semicolon: the text is passed through a list
  list(JOIN _aift_torch_dirs ", " _aift_looked)
  if(_aift_looked STREQUAL "")
    set(_aift_looked "no folder, there is no environment in the cache folder")
  endif()
  set(_aift_torch_why "Looked in ${_aift_looked}. Run scripts/bootstrap, or set \
AIFT_TORCH_DIR to a folder that holds LibTorch's include/ and lib/, or leave the part out with \
-DAIFT_BUILD_TORCH=OFF.")
endif()

find_package_handle_standard_args(AiftTorch
  REQUIRED_VARS AiftTorch_torch_LIBRARY AiftTorch_torch_cpu_LIBRARY AiftTorch_c10_LIBRARY
                AiftTorch_INCLUDE_DIR
  VERSION_VAR AiftTorch_VERSION
  REASON_FAILURE_MESSAGE "${_aift_torch_why}")

if(AiftTorch_FOUND AND NOT TARGET AiftTorch::torch)
  find_package(Threads REQUIRED)
  add_library(AiftTorch::torch INTERFACE IMPORTED)
  target_include_directories(AiftTorch::torch SYSTEM INTERFACE
    "${AiftTorch_INCLUDE_DIR}" "${AiftTorch_INCLUDE_DIR}/torch/csrc/api/include")
  target_compile_definitions(AiftTorch::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
  # LibTorch's libraries export a std::filesystem of their own, from the compiler they were built
  # with; std::filesystem::remove_all of a program that finds it there first jumps to address 0. The
  # C++ library therefore comes before them.
  if("stdc++" IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
    target_link_libraries(AiftTorch::torch INTERFACE stdc++)
  endif()
  foreach(_aift_name IN ITEMS torch torch_cpu torch_cuda c10 c10_cuda)
    if(AiftTorch_${_aift_name}_LIBRARY)
      add_library(AiftTorch::lib${_aift_name} SHARED IMPORTED)
      set_target_properties(AiftTorch::lib${_aift_name} PROPERTIES
        IMPORTED_LOCATION "${AiftTorch_${_aift_name}_LIBRARY}")
      target_link_libraries(AiftTorch::torch INTERFACE AiftTorch::lib${_aift_name})
    endif()
  endforeach()
  # Nothing calls the CUDA libraries by name, they register themselves when they are loaded.
  if(AiftTorch_torch_cuda_LIBRARY AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(AiftTorch::torch INTERFACE "LINKER:--no-as-needed")
  endif()
  target_link_libraries(AiftTorch::torch INTERFACE Threads::Threads)
endif()
