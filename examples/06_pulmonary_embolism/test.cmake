# SPDX-License-Identifier: Apache-2.0
file(REMOVE_RECURSE "${FOLDER}")
execute_process(COMMAND "${PROGRAM}" "out=${FOLDER}" scans=2 size=192 thickness=2.5
                OUTPUT_VARIABLE out RESULT_VARIABLE rc)
message("${out}")
if(NOT rc EQUAL 0 OR NOT out MATCHES "of [0-9]+ emboli have a candidate"
   OR NOT EXISTS "${FOLDER}/patches.png" OR NOT EXISTS "${FOLDER}/candidates.csv")
  message(FATAL_ERROR "the example failed")
endif()
