# SPDX-License-Identifier: Apache-2.0
# The bill of materials of this build: aift.spdx.json (SPDX 2.3) and THIRD-PARTY.txt, made by the target
# `sbom`, a part of `all`, from what configuring has found and what building has made.
include_guard(GLOBAL)

# aift_material(<name> <version> <SPDX licence> <home page> <how it is used>)
set(_aift_materials "")
macro(aift_material name version licence home use)
  set(_aift_version "${version}")
  if(NOT _aift_version)
    set(_aift_version "NOASSERTION")
  endif()
  string(APPEND _aift_materials
         "aift_material([==[${name}]==] [==[${_aift_version}]==] [==[${licence}]==] [==[${home}]==] [==[${use}]==])\n")
endmacro()

# The version that a header states: #define <macro> <number or "text">
function(_aift_header_version out header macro)
  set(${out} "" PARENT_SCOPE)
  if(header AND EXISTS "${header}")
    file(STRINGS "${header}" line REGEX "#[ \t]*define[ \t]+${macro}[ \t]")
    if(line MATCHES "${macro}[ \t]+\"?([0-9][0-9.]*)")
      set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

find_package(Eigen3 QUIET)
find_package(fmt QUIET)
aift_material(Eigen "${Eigen3_VERSION}" MPL-2.0 "https://eigen.tuxfamily.org" "headers, compiled in")
aift_material(fmt "${fmt_VERSION}" MIT "https://fmt.dev" "headers, compiled in")
if(TARGET aift_io)
  find_package(nlohmann_json QUIET)
  find_package(AiftOpenCV QUIET)
  foreach(_part IN ITEMS MAJOR MINOR PATCH)
    find_file(_aift_toml_version_header toml++/impl/version.h
              PATHS "${AIFT_TOMLPLUSPLUS_INCLUDE_DIR}")
    mark_as_advanced(_aift_toml_version_header)
    _aift_header_version(_toml_${_part} "${_aift_toml_version_header}" TOML_LIB_${_part})
  endforeach()
  set(_toml "")
  if(_toml_MAJOR)
    set(_toml "${_toml_MAJOR}.${_toml_MINOR}.${_toml_PATCH}")
  endif()
  aift_material(nlohmann-json "${nlohmann_json_VERSION}" MIT "https://json.nlohmann.me" "headers, compiled in")
  aift_material(tomlplusplus "${_toml}" MIT "https://marzer.github.io/tomlplusplus" "headers, compiled in")
  aift_material(OpenCV "${AiftOpenCV_VERSION}" Apache-2.0 "https://opencv.org" "shared libraries of the system")
endif()
if(TARGET aift_store)
  find_package(SQLite3 QUIET)
  find_package(OpenSSL QUIET)
  aift_material(SQLite "${SQLite3_VERSION}" blessing "https://sqlite.org" "shared library of the system")
  aift_material(OpenSSL "${OPENSSL_VERSION}" Apache-2.0 "https://www.openssl.org" "libcrypto, shared library of the system")
endif()
if(TARGET aift_ct)
  aift_material(ITK "${AiftITK_VERSION}" Apache-2.0 "https://itk.org" "shared libraries of the system")
  aift_material(GDCM "" BSD-3-Clause "https://gdcm.sourceforge.net" "shared libraries of the system")
endif()
if(TARGET aift_program)
  find_package(CLI11 QUIET)
  aift_material(CLI11 "${CLI11_VERSION}" BSD-3-Clause "https://github.com/CLIUtils/CLI11" "headers, compiled in")
endif()
if(TARGET aift_torch)
  find_package(AiftTorch QUIET)
  aift_material(LibTorch "${AiftTorch_VERSION}" BSD-3-Clause "https://pytorch.org" "shared libraries, not delivered with AIFT")
endif()
if(TARGET aift_cuda)
  aift_material("CUDA runtime" "${CUDAToolkit_VERSION}" LicenseRef-NVIDIA-CUDA-Toolkit-EULA
                "https://docs.nvidia.com/cuda/eula" "static library, compiled in")
endif()

# What is delivered: the libraries and programs that are installed.
set(_aift_delivered "")
foreach(_target IN ITEMS aift_core aift_io aift_loop aift_store aift_phantom aift_ct aift_torch aift_c
                         aift_c_static aift_cuda aift_program aift_torch_program aift_cuda_program)
  if(TARGET ${_target})
    list(APPEND _aift_delivered "${_target}=$<TARGET_FILE:${_target}>")
    list(APPEND _aift_delivered_targets ${_target})
  endif()
endforeach()
set(_aift_sbom_settings "${PROJECT_BINARY_DIR}/sbom-$<CONFIG>.cmake")
file(GENERATE OUTPUT "${_aift_sbom_settings}" CONTENT "\
set(VERSION [==[${PROJECT_VERSION}]==])
set(COMPILER [==[${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}]==])
set(SOURCE [==[${PROJECT_SOURCE_DIR}]==])
set(OUT [==[${PROJECT_BINARY_DIR}]==])
set(FILES [==[${_aift_delivered}]==])
${_aift_materials}")
add_custom_command(
  OUTPUT "${PROJECT_BINARY_DIR}/aift.spdx.json" "${PROJECT_BINARY_DIR}/THIRD-PARTY.txt"
  COMMAND "${CMAKE_COMMAND}" -D "SETTINGS=${_aift_sbom_settings}"
          -P "${PROJECT_SOURCE_DIR}/cmake/write_sbom.cmake"
  DEPENDS ${_aift_delivered_targets} "${_aift_sbom_settings}"
          "${PROJECT_SOURCE_DIR}/cmake/write_sbom.cmake"
  COMMENT "Bill of materials: aift.spdx.json" VERBATIM)
add_custom_target(sbom ALL DEPENDS "${PROJECT_BINARY_DIR}/aift.spdx.json")
foreach(_component IN ITEMS aift_core aift_c)
  if(TARGET ${_component})
    install(FILES "${PROJECT_BINARY_DIR}/aift.spdx.json" "${PROJECT_BINARY_DIR}/THIRD-PARTY.txt"
            DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT ${_component} OPTIONAL)
  endif()
endforeach()
