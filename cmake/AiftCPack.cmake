# SPDX-License-Identifier: Apache-2.0
# cpack: one .deb and one .tar.gz of what is installed.
include_guard(GLOBAL)

set(CPACK_GENERATOR "TGZ;DEB")
set(CPACK_PACKAGE_NAME aift)
set(CPACK_PACKAGE_VENDOR "The AIFT authors")
set(CPACK_PACKAGE_CONTACT "The AIFT authors <aift@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGE_FILE_NAME "aift-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_STRIP_FILES ON)
set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libeigen3-dev, libfmt-dev, nlohmann-json3-dev")
if(TARGET aift_torch)
  # Its libraries come from a Python environment; dpkg does not know them.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF)
endif()
include(CPack)
