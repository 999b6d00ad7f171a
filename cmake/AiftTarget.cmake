# SPDX-License-Identifier: Apache-2.0
# aift_target_defaults(target): what every target of ours is compiled with. Target properties only.
include_guard(GLOBAL)

set(_aift_gnu_like "$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>")

function(aift_target_defaults target)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_STANDARD_REQUIRED ON
    INSTALL_RPATH_USE_LINK_PATH ON)
  target_compile_features(${target} PRIVATE cxx_std_20)
  # Private headers are included by their path from the root: "src/io/report_html.hpp".
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_options(${target} PRIVATE
    "$<${_aift_gnu_like}:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wno-sign-conversion>")
  if(AIFT_WERROR)
    target_compile_options(${target} PRIVATE "$<${_aift_gnu_like}:-Werror>")
  endif()
  if(AIFT_SANITIZE)
    list(JOIN AIFT_SANITIZE "," _sanitizers)
    target_compile_options(${target} PRIVATE -fsanitize=${_sanitizers} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${_sanitizers})
  endif()
  if(AIFT_FUZZ)  # tests/fuzz: what libFuzzer steers by
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# aift_precompile_torch(target): <torch/torch.h> as a precompiled header (it costs 25 s per source
# file without). One header is shared: a target compiled with the same flags as aift_torch reuses
# the one of aift_torch.
function(aift_precompile_torch target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # for ccache
  endif()
  if(target STREQUAL "aift_torch" OR NOT TARGET aift_torch)
    target_precompile_headers(${target} PRIVATE <torch/torch.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM aift_torch)
    foreach(property IN ITEMS CXX_VISIBILITY_PRESET VISIBILITY_INLINES_HIDDEN)
      get_target_property(value aift_torch ${property})
      if(value)
        set_property(TARGET ${target} PROPERTY ${property} ${value})
      endif()
    endforeach()
  endif()
endfunction()

# aift_require(<package> <version> <Debian package> <option to do without>): find_package that says in
# one sentence what to install.
macro(aift_require package version debian option)
  find_package(${package} ${version} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "AIFT needs ${package} ${version} or later, which was not found; install it "
                        "(Debian: ${debian}; scripts/bootstrap does)${option}.")
  endif()
endmacro()

# aift_require_toml(<option to do without>): toml++, into AIFT_TOMLPLUSPLUS_INCLUDE_DIR. Debian's
# package has no CMake configuration; the headers alone are used.
macro(aift_require_toml option)
  find_path(AIFT_TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
  mark_as_advanced(AIFT_TOMLPLUSPLUS_INCLUDE_DIR)
  if(NOT AIFT_TOMLPLUSPLUS_INCLUDE_DIR)
    message(FATAL_ERROR "AIFT needs toml++, which was not found; install it (Debian: "
                        "libtomlplusplus-dev; scripts/bootstrap does)${option}.")
  endif()
endmacro()
