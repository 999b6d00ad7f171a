# SPDX-License-Identifier: Apache-2.0
# The installed package: find_package(aift 0.1 COMPONENTS core c cuda io loop store ct torch).
include_guard(GLOBAL)

set(_aift_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/aift")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/aiftConfig.cmake.in" "${PROJECT_BINARY_DIR}/aiftConfig.cmake"
  INSTALL_DESTINATION "${_aift_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/aiftConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
foreach(_component IN ITEMS aift_core aift_c)  # those that can be installed alone
  if(TARGET ${_component})
    install(FILES "${PROJECT_BINARY_DIR}/aiftConfig.cmake"
                  "${PROJECT_BINARY_DIR}/aiftConfigVersion.cmake"
            DESTINATION "${_aift_package_dir}" COMPONENT ${_component})
    install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE"
            DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT ${_component})
  endif()
endforeach()
if(TARGET aift_io)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindAiftOpenCV.cmake"
          DESTINATION "${_aift_package_dir}" COMPONENT aift_io)
endif()
if(TARGET aift_ct)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindAiftITK.cmake"
          DESTINATION "${_aift_package_dir}" COMPONENT aift_ct)
endif()
if(TARGET aift_torch)
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindAiftTorch.cmake"
          DESTINATION "${_aift_package_dir}" COMPONENT aift_torch)
endif()
