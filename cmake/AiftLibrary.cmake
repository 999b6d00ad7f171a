# SPDX-License-Identifier: Apache-2.0
# aift_add_library(<part> HEADER_DIRS <dir>... SOURCE_DIRS <dir>... [CUDA_DIRS <dir>...])
#
# Makes aift_<part> with the alias aift::<part> from include/aift/<HEADER_DIRS>/*.hpp and
# src/<SOURCE_DIRS>/*.cpp and cuda/<CUDA_DIRS>/*.{cpp,cu} (globbed: a new file needs no edit of CMake), puts it into an export
# set of its own, aift_<part>-targets, so that a component finds only its own dependencies, and
# records it in the global property AIFT_PARTS.
include_guard(GLOBAL)

function(aift_add_library part)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADER_DIRS;SOURCE_DIRS;CUDA_DIRS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "aift_add_library(${part}): unknown arguments ${arg_UNPARSED_ARGUMENTS}.")
  endif()

  list(TRANSFORM arg_HEADER_DIRS PREPEND "${PROJECT_SOURCE_DIR}/include/aift/")
  list(TRANSFORM arg_HEADER_DIRS APPEND "/*.hpp" OUTPUT_VARIABLE header_globs)
  list(TRANSFORM arg_SOURCE_DIRS PREPEND "${PROJECT_SOURCE_DIR}/src/")
  list(TRANSFORM arg_SOURCE_DIRS APPEND "/*.cpp" OUTPUT_VARIABLE source_globs)
  file(GLOB headers CONFIGURE_DEPENDS ${header_globs})
  set(sources "")
  if(source_globs)
    file(GLOB sources CONFIGURE_DEPENDS ${source_globs})
  endif()
  foreach(dir IN LISTS arg_CUDA_DIRS)
    file(GLOB more CONFIGURE_DEPENDS
         "${PROJECT_SOURCE_DIR}/cuda/${dir}/*.cpp" "${PROJECT_SOURCE_DIR}/cuda/${dir}/*.cu")
    list(APPEND sources ${more})
  endforeach()
  if(NOT sources)
    message(FATAL_ERROR "aift_add_library(${part}): no source in ${arg_SOURCE_DIRS}${arg_CUDA_DIRS}.")
  endif()

  set(target aift_${part})
  add_library(${target} ${sources})
  add_library(aift::${part} ALIAS ${target})
  aift_target_defaults(${target})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_sources(${target} PUBLIC FILE_SET HEADERS
                 BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${headers})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${part}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    VERIFY_INTERFACE_HEADER_SETS ON)

  # Nothing but aift:: leaves a library. A static library gets there with hidden visibility; a
  # shared one with a version script, which saves an export macro on every class.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "SHARED_LIBRARY")
    set(script "${PROJECT_SOURCE_DIR}/cmake/exports.map")
    target_link_options(${target} PRIVATE "LINKER:--version-script=${script}")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${script}")
  else()
    set_target_properties(${target} PROPERTIES
      CXX_VISIBILITY_PRESET hidden
      CUDA_VISIBILITY_PRESET hidden
      VISIBILITY_INLINES_HIDDEN ON)
  endif()

  # One install component per part as well: cmake --install build --component aift_core.
  install(TARGETS ${target} EXPORT aift_${part}-targets
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT aift_${part}
                  NAMELINK_COMPONENT aift_${part}
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT aift_${part}
          RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT aift_${part}
          FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT aift_${part})
  install(EXPORT aift_${part}-targets NAMESPACE aift:: COMPONENT aift_${part}
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/aift")
  set_property(GLOBAL APPEND PROPERTY AIFT_PARTS ${part})
endfunction()
