# SPDX-License-Identifier: Apache-2.0
# cmake -D SETTINGS=<file written by CMakeLists.txt> -P run_consumer.cmake
# Installs the components into a fresh prefix, configures, builds and runs the consumer, and checks
# which shared libraries its program needs.
cmake_minimum_required(VERSION 3.25)
include("${SETTINGS}")

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message("${output}")
    message(FATAL_ERROR "${what} failed (${result}).")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
set(prefix "${WORK}/prefix")
foreach(component IN LISTS INSTALL)
  run("install of ${component}" "${CMAKE_COMMAND}" --install "${AIFT_BUILD}" --prefix "${prefix}"
      --component ${component})
endforeach()

# Nothing of the environment may help: what is not asked for must not be found by chance.
unset(ENV{AIFT_TORCH_DIR})
unset(ENV{AIFT_CACHE_DIR})
set(ENV{XDG_CACHE_HOME} "${WORK}/no-cache")
set(ENV{CMAKE_PREFIX_PATH} "")
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${LAUNCHER}")
run("configure" "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/build" -G "${GENERATOR}"
    "-DCMAKE_PREFIX_PATH=${prefix}" ${OPTIONS})
run("build" "${CMAKE_COMMAND}" --build "${WORK}/build" --parallel 2)
if(BUILD_ONLY)
  return()
endif()
run("program" "${WORK}/build/consumer")
message("${output}")
if(NOT output MATCHES "AIFT ${AIFT_VERSION}")
  message(FATAL_ERROR "The program must print 'AIFT ${AIFT_VERSION}'; it printed:\n${output}")
endif()

if(FORBIDDEN_LIBRARIES)
  file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${WORK}/build/consumer"
       RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing)
  foreach(library IN LISTS found missing)
    get_filename_component(name "${library}" NAME)
    if(name MATCHES "${FORBIDDEN_LIBRARIES}")
      message(FATAL_ERROR "The program must not need ${library}, but it does.")
    endif()
  endforeach()
  if(NOT found)
    message(FATAL_ERROR "No shared library found at all; the check did not look at the program.")
  endif()
endif()
