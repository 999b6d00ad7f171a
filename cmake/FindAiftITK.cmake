# SPDX-License-Identifier: Apache-2.0
# Finds the ITK libraries that aift::ct uses, with the GDCM that ITK reads DICOM with, and makes
#   AiftITK::io    NIfTI, MetaImage, NRRD        AiftITK::gdcm    DICOM
# ITK's own find_package also looks for HDF5, needs the language C for it, and prints a page about
# programs of GDCM that Debian puts into other packages; these few libraries need none of it.
# Another place: -DCMAKE_PREFIX_PATH=<prefix>.
include(FindPackageHandleStandardArgs)

set(_aift_itk_versions 5.4 5.3 5.2 5.1)
set(_aift_itk_suffixes "")
foreach(_aift_version IN LISTS _aift_itk_versions)
  list(APPEND _aift_itk_suffixes ITK-${_aift_version})
endforeach()
find_path(AiftITK_INCLUDE_DIR itkImageIOBase.h PATH_SUFFIXES ${_aift_itk_suffixes})
find_path(AiftITK_gdcm_INCLUDE_DIR gdcmImageReader.h PATH_SUFFIXES gdcm-3.0 gdcm-3.1)
set(AiftITK_VERSION "")
if(AiftITK_INCLUDE_DIR MATCHES "ITK-([0-9.]+)")
  set(AiftITK_VERSION "${CMAKE_MATCH_1}")
endif()

set(_aift_itk_variables AiftITK_INCLUDE_DIR AiftITK_gdcm_INCLUDE_DIR)
foreach(_aift_module IN ITEMS ITKIONIFTI ITKIOMeta ITKIONRRD ITKIOImageBase ITKCommon itksys itkvnl)
  find_library(AiftITK_${_aift_module}_LIBRARY
               NAMES ${_aift_module}-${AiftITK_VERSION} ${_aift_module})
  list(APPEND _aift_itk_variables AiftITK_${_aift_module}_LIBRARY)
  list(APPEND _aift_itk_io_libraries "${AiftITK_${_aift_module}_LIBRARY}")
endforeach()
foreach(_aift_module IN ITEMS gdcmMSFF gdcmDICT gdcmDSED gdcmCommon)
  find_library(AiftITK_${_aift_module}_LIBRARY
               NAMES ${_aift_module} itk${_aift_module}-${AiftITK_VERSION})
  list(APPEND _aift_itk_variables AiftITK_${_aift_module}_LIBRARY)
  list(APPEND _aift_itk_gdcm_libraries "${AiftITK_${_aift_module}_LIBRARY}")
endforeach()
mark_as_advanced(${_aift_itk_variables})

find_package_handle_standard_args(AiftITK
  REQUIRED_VARS ${_aift_itk_variables} VERSION_VAR AiftITK_VERSION
  REASON_FAILURE_MESSAGE "On Debian: libinsighttoolkit5-dev (scripts/bootstrap installs it), or \
switch the part off with -DAIFT_BUILD_CT=OFF.")

if(AiftITK_FOUND AND NOT TARGET AiftITK::io)
  add_library(AiftITK::io INTERFACE IMPORTED)
  set_target_properties(AiftITK::io PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${AiftITK_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${_aift_itk_io_libraries}")
  add_library(AiftITK::gdcm INTERFACE IMPORTED)
  set_target_properties(AiftITK::gdcm PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${AiftITK_gdcm_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${_aift_itk_gdcm_libraries}")
endif()
unset(_aift_itk_io_libraries)
unset(_aift_itk_gdcm_libraries)
