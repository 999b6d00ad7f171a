# SPDX-License-Identifier: Apache-2.0
# The reference of the public headers with Doxygen: the target `docs` with AIFT_BUILD_DOCS, and the
# CTest entry docs/reference, which fails where a public symbol has no doc block or a wrong one.
include_guard(GLOBAL)

find_package(Doxygen 1.9.4 QUIET)
find_package(Python3 3.8 QUIET COMPONENTS Interpreter)
set(_aift_docs_missing "")
if(NOT DOXYGEN_FOUND)
  set(_aift_docs_missing "Doxygen 1.9.4 or later (Debian: doxygen)")
elseif(NOT Python3_FOUND)
  set(_aift_docs_missing "Python 3.8 or later (Debian: python3)")
endif()

if(NOT _aift_docs_missing)
  set(_aift_doxyfile "${PROJECT_BINARY_DIR}/docs/Doxyfile")
  configure_file("${PROJECT_SOURCE_DIR}/docs/reference/Doxyfile.in" "${_aift_doxyfile}" @ONLY)
  set(_aift_reference "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/docs/reference/build.py"
      --doxygen "${DOXYGEN_EXECUTABLE}" --doxyfile "${_aift_doxyfile}"
      --headers "${PROJECT_SOURCE_DIR}/include" --out "${PROJECT_BINARY_DIR}/docs/headers")
endif()

if(AIFT_BUILD_DOCS)
  if(_aift_docs_missing)
    message(FATAL_ERROR "AIFT_BUILD_DOCS needs ${_aift_docs_missing}, which was not found; install it "
                        "or configure with -DAIFT_BUILD_DOCS=OFF.")
  endif()
  add_custom_target(docs ALL COMMAND ${_aift_reference}
                    COMMENT "Reference: docs/html/index.html below the build folder" VERBATIM)
endif()

if(AIFT_BUILD_TESTS)
  if(_aift_docs_missing)
    add_test(NAME docs/reference
             COMMAND "${CMAKE_COMMAND}" -E echo "SKIPPED: ${_aift_docs_missing} was not found")
  else()
    add_test(NAME docs/reference COMMAND ${_aift_reference})
  endif()
  set_tests_properties(docs/reference PROPERTIES
    LABELS docs SKIP_REGULAR_EXPRESSION "SKIPPED: " TIMEOUT 120)
endif()
