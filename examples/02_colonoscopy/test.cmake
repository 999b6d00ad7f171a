# SPDX-License-Identifier: Apache-2.0
# cmake -D PROGRAM=... -D IMAGES=... -D WORK=... -P test.cmake
# Runs the example on a tiny synthetic set, twice: the second call finds the run finished.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE errors)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed (${result}):\n${output}\n${errors}")
  endif()
  message("${output}")
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${IMAGES}" "${WORK}/images")
set(call "${PROGRAM}" "data=${WORK}/images" "out=${WORK}/run" rounds=2 budget=6 views=2
    input_size=32 steps=2)
run(${call})
if(NOT output MATCHES "round 0: 6 labels, AUC [01]\\.[0-9]+, asked by random" OR
   NOT output MATCHES "round 1: 12 labels, AUC [01]\\.[0-9]+, asked by aift")
  message(FATAL_ERROR "Two rounds were expected, the first asked by random, the second by aift.")
endif()
file(STRINGS "${WORK}/run/curve.csv" curve)
list(LENGTH curve lines)
if(NOT lines EQUAL 3)
  message(FATAL_ERROR "curve.csv must have a heading and two rounds; got ${lines} lines.")
endif()
run(${call})
if(output MATCHES "round 0")
  message(FATAL_ERROR "A finished run must not be done again.")
endif()
