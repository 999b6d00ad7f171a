# SPDX-License-Identifier: Apache-2.0
# Finds the four OpenCV libraries that aift::io uses and makes
#   AiftOpenCV::core  AiftOpenCV::imgproc  AiftOpenCV::imgcodecs  AiftOpenCV::videoio
# Debian's packages libopencv-{core,imgproc,imgcodecs,videoio}-dev carry no CMake configuration (only the
# 673 MB libopencv-dev does), hence this module. Another place: -DCMAKE_PREFIX_PATH=<prefix>.
include(FindPackageHandleStandardArgs)

find_path(AiftOpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4)
set(_aift_opencv_variables AiftOpenCV_INCLUDE_DIR)
foreach(_aift_module IN ITEMS core imgproc imgcodecs videoio)
  find_library(AiftOpenCV_${_aift_module}_LIBRARY opencv_${_aift_module})
  list(APPEND _aift_opencv_variables AiftOpenCV_${_aift_module}_LIBRARY)
endforeach()
mark_as_advanced(${_aift_opencv_variables})

if(AiftOpenCV_INCLUDE_DIR AND EXISTS "${AiftOpenCV_INCLUDE_DIR}/opencv2/core/version.hpp")
  file(STRINGS "${AiftOpenCV_INCLUDE_DIR}/opencv2/core/version.hpp" _aift_lines
       REGEX "#define CV_VERSION_(MAJOR|MINOR|REVISION) +[0-9]+")
  string(REGEX REPLACE "[^0-9;]" "" _aift_lines "${_aift_lines}")
  list(JOIN _aift_lines "." AiftOpenCV_VERSION)
endif()

find_package_handle_standard_args(AiftOpenCV
  REQUIRED_VARS ${_aift_opencv_variables} VERSION_VAR AiftOpenCV_VERSION
  REASON_FAILURE_MESSAGE "On Debian: libopencv-core-dev libopencv-imgproc-dev \
libopencv-imgcodecs-dev libopencv-videoio-dev, or switch the part off with -DAIFT_BUILD_IO=OFF.")

if(AiftOpenCV_FOUND)
  foreach(_aift_module IN ITEMS core imgproc imgcodecs videoio)
    if(NOT TARGET AiftOpenCV::${_aift_module})
      add_library(AiftOpenCV::${_aift_module} UNKNOWN IMPORTED)
      set_target_properties(AiftOpenCV::${_aift_module} PROPERTIES
        IMPORTED_LOCATION "${AiftOpenCV_${_aift_module}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${AiftOpenCV_INCLUDE_DIR}")
      if(NOT _aift_module STREQUAL "core")
        set_property(TARGET AiftOpenCV::${_aift_module} PROPERTY
                     INTERFACE_LINK_LIBRARIES AiftOpenCV::core)
      endif()
    endif()
  endforeach()
endif()
