# SPDX-License-Identifier: Apache-2.0
# Finds nvcc, enables CUDA and defines aift_cuda_defaults(<target>): what every CUDA source of ours is
# compiled with. Included by the main CMakeLists.txt when AIFT_BUILD_CUDA is ON.
include_guard(GLOBAL)

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(AIFT_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(AIFT_NVCC)
  if(NOT AIFT_NVCC)
    message(FATAL_ERROR "AIFT_BUILD_CUDA needs nvcc of CUDA 12.8 or later, which was not found; install "
                        "the CUDA toolkit, name nvcc in -DCMAKE_CUDA_COMPILER, or configure with "
                        "-DAIFT_BUILD_CUDA=OFF.")
  endif()
  set(CMAKE_CUDA_COMPILER "${AIFT_NVCC}" CACHE FILEPATH "CUDA compiler")
endif()
# Turing to Blackwell; machine code of each, and the last one as PTX for what comes later.
set(AIFT_CUDA_ARCHITECTURES 75-real 80-real 86-real 90-real 100-real 120)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  set(CMAKE_CUDA_ARCHITECTURES "${AIFT_CUDA_ARCHITECTURES}" CACHE STRING
      "GPUs to compile for, as CMake's CUDA_ARCHITECTURES")
endif()
if(NOT DEFINED CMAKE_CUDA_COMPILER_LAUNCHER AND DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
  message(FATAL_ERROR "AIFT_BUILD_CUDA needs nvcc of CUDA 12.8 or later; ${CMAKE_CUDA_COMPILER} is "
                      "${CMAKE_CUDA_COMPILER_VERSION}.")
endif()
# CMake 3.25.1 does not know how this nvcc is told C++20.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
find_package(CUDAToolkit REQUIRED)

# No .cu file includes fmt (nor aift/core/error.hpp): nvcc stumbles over it. Checks are in .cpp files.
function(aift_cuda_defaults target)
  set_target_properties(${target} PROPERTIES
    CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF)
  # One arithmetic: nothing is fused that is not written as fma, on the GPU and on the host side, and
  # division, root and subnormal numbers are those of IEEE 754.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:--expt-relaxed-constexpr --fmad=false --ftz=false --prec-div=true --prec-sqrt=true -Xcompiler=-ffp-contract=off,-Wall,-Wextra>")
  if(AIFT_WERROR)
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror=all-warnings -Xcompiler=-Werror>")
  endif()
  set_target_properties(${target} PROPERTIES CUDA_RUNTIME_LIBRARY Static)
endfunction()
