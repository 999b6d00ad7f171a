# SPDX-License-Identifier: Apache-2.0
# cmake -D COMPILER= -D SOURCE= -D FLAGS= -P check_compile_fail.cmake; see AiftCompileFail.cmake.
cmake_minimum_required(VERSION 3.25)

set(ENV{LC_ALL} C)  # plain quotes, English messages
file(STRINGS "${SOURCE}" expect REGEX "^// expect: ")
string(REGEX REPLACE "^// expect: " "" expect "${expect}")
if(expect STREQUAL "")
  message(FATAL_ERROR "${SOURCE} must hold a line '// expect: <regular expression>'.")
endif()

set(command "${COMPILER}" -std=c++20 -fsyntax-only -Werror=unused-result "@${FLAGS}")
execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  message("${errors}")
  message(FATAL_ERROR "Without the bad line the source must compile, but it does not.")
endif()
execute_process(COMMAND ${command} -DAIFT_COMPILE_FAIL "${SOURCE}"
                RESULT_VARIABLE result ERROR_VARIABLE errors)
if(result EQUAL 0)
  message(FATAL_ERROR "With the bad line the source must not compile, but it does.")
endif()
if(NOT errors MATCHES "${expect}")
  message("${errors}")
  message(FATAL_ERROR "The bad line was refused for another reason than '${expect}'.")
endif()
