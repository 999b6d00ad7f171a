# SPDX-License-Identifier: Apache-2.0
# aift_add_compile_fail(<source> <library>)
#
# A CTest entry that compiles <source> twice with the flags of a target that links <library>:
# without AIFT_COMPILE_FAIL it must compile; with -DAIFT_COMPILE_FAIL it must not, and the
# compiler's message must match the regular expression on the source's line "// expect: <regex>".
include_guard(GLOBAL)

function(aift_add_compile_fail source library)
  get_filename_component(name "${source}" NAME_WE)
  get_filename_component(path "${source}" ABSOLUTE)
  set(flags_target compile_fail_${name})
  add_library(${flags_target} OBJECT EXCLUDE_FROM_ALL "${path}")
  aift_target_defaults(${flags_target})
  target_link_libraries(${flags_target} PRIVATE ${library})
  set(flags_file "${CMAKE_CURRENT_BINARY_DIR}/${name}.flags")
  set(includes "$<TARGET_PROPERTY:${flags_target},INCLUDE_DIRECTORIES>")
  set(definitions "$<TARGET_PROPERTY:${flags_target},COMPILE_DEFINITIONS>")
  file(GENERATE OUTPUT "${flags_file}" CONTENT "\
$<$<BOOL:${includes}>:-I$<JOIN:${includes},\n-I>\n>\
$<$<BOOL:${definitions}>:-D$<JOIN:${definitions},\n-D>\n>")
  add_test(NAME "compile_fail/${name}"
    COMMAND "${CMAKE_COMMAND}" -D "COMPILER=${CMAKE_CXX_COMPILER}" -D "SOURCE=${path}"
            -D "FLAGS=${flags_file}" -P "${PROJECT_SOURCE_DIR}/cmake/check_compile_fail.cmake")
  set_tests_properties("compile_fail/${name}" PROPERTIES LABELS compile_fail)
endfunction()
