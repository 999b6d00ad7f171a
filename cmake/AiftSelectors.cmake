# SPDX-License-Identifier: Apache-2.0
# aift_generate_selector_list(out_dir)
#
# Finds include/aift/select/<name>_selector.hpp and writes, below the folder it returns,
#   aift/select/builtin_selectors_includes.inc   one #include per header
#   aift/select/builtin_selectors_list.inc       AIFT_BUILTIN_SELECTOR(<Name>Selector) per header
# so that a selector is one header: the registry and the conformance tests read these lists.
# least_confidence_selector.hpp declares aift::LeastConfidenceSelector. score_selector.hpp is a base
# class and is not listed.
include_guard(GLOBAL)

function(aift_generate_selector_list out_dir)
  set(dir "${PROJECT_BINARY_DIR}/generated")
  set(select "${PROJECT_SOURCE_DIR}/include/aift/select")
  file(GLOB headers CONFIGURE_DEPENDS "${select}/*_selector.hpp")
  list(REMOVE_ITEM headers "${select}/score_selector.hpp")
  list(SORT headers)
  set(includes "// Written by CMake (cmake/AiftSelectors.cmake).\n")
  set(names "${includes}")
  foreach(header IN LISTS headers)
    get_filename_component(stem "${header}" NAME_WE)
    string(APPEND includes "#include <aift/select/${stem}.hpp>\n")
    string(REPLACE "_" ";" words "${stem}")
    set(class "")
    foreach(word IN LISTS words)
      string(SUBSTRING "${word}" 0 1 first)
      string(SUBSTRING "${word}" 1 -1 rest)
      string(TOUPPER "${first}" first)
      string(APPEND class "${first}${rest}")
    endforeach()
    string(APPEND names "AIFT_BUILTIN_SELECTOR(${class})\n")
  endforeach()
  file(CONFIGURE OUTPUT "${dir}/aift/select/builtin_selectors_includes.inc"
       CONTENT "${includes}" @ONLY)
  file(CONFIGURE OUTPUT "${dir}/aift/select/builtin_selectors_list.inc" CONTENT "${names}" @ONLY)
  set(${out_dir} "${dir}" PARENT_SCOPE)
endfunction()
