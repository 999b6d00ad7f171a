# SPDX-License-Identifier: Apache-2.0
# cmake -D SETTINGS=<file of AiftSbom.cmake> -P write_sbom.cmake
# Writes aift.spdx.json and THIRD-PARTY.txt. The same build gives the same bytes where
# SOURCE_DATE_EPOCH is set.
cmake_minimum_required(VERSION 3.25)

set(_packages "")
set(_relations "")
set(_third "Software that AIFT is built with\n\n")
set(_custom "")

function(json_text out text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  set(${out} "\"${text}\"" PARENT_SCOPE)
endfunction()

macro(aift_material name version licence home use)
  string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" _id "SPDXRef-Package-${name}")
  json_text(_name "${name}")
  json_text(_use "${use}")
  json_text(_home "${home}")
  set(_version_line "")
  if(NOT "${version}" STREQUAL "NOASSERTION")
    set(_version_line "\"versionInfo\": \"${version}\", ")
  endif()
  string(APPEND _packages ",\n    {\"SPDXID\": \"${_id}\", \"name\": ${_name}, ${_version_line}"
    "\"downloadLocation\": \"NOASSERTION\", \"homepage\": ${_home}, \"filesAnalyzed\": false, "
    "\"licenseConcluded\": \"${licence}\", \"licenseDeclared\": \"${licence}\", "
    "\"copyrightText\": \"NOASSERTION\", \"supplier\": \"NOASSERTION\", \"comment\": ${_use}}")
  string(APPEND _relations ",\n    {\"spdxElementId\": \"SPDXRef-Package-AIFT\", "
    "\"relationshipType\": \"DEPENDS_ON\", \"relatedSpdxElement\": \"${_id}\", \"comment\": ${_use}}")
  string(APPEND _third "${name} ${version}\n  licence: ${licence}\n  ${home}\n  ${use}\n\n")
  if("${licence}" MATCHES "^LicenseRef-")
    set(_custom ",\n  \"hasExtractedLicensingInfos\": [{\"licenseId\": \"${licence}\", \"extractedText\": \"See ${home}\"}]")
  endif()
endmacro()

include("${SETTINGS}")

set(_files "")
set(_digest "")
foreach(_entry IN LISTS FILES)
  string(REGEX REPLACE "=.*" "" _target "${_entry}")
  string(REGEX REPLACE "^[^=]*=" "" _path "${_entry}")
  file(SHA1 "${_path}" _sha1)
  file(SHA256 "${_path}" _sha256)
  string(APPEND _digest "${_sha256}")
  get_filename_component(_file "${_path}" NAME)
  string(REPLACE "_" "-" _id "SPDXRef-File-${_target}")
  if(_files)
    string(APPEND _files ",")
  endif()
  string(APPEND _files "\n    {\"SPDXID\": \"${_id}\", \"fileName\": \"./${_file}\", \"checksums\": ["
    "{\"algorithm\": \"SHA1\", \"checksumValue\": \"${_sha1}\"}, "
    "{\"algorithm\": \"SHA256\", \"checksumValue\": \"${_sha256}\"}], "
    "\"licenseConcluded\": \"Apache-2.0\", \"licenseInfoInFiles\": [\"Apache-2.0\"], "
    "\"copyrightText\": \"NOASSERTION\", \"fileTypes\": [\"BINARY\"]}")
  string(APPEND _relations ",\n    {\"spdxElementId\": \"${_id}\", "
    "\"relationshipType\": \"GENERATED_FROM\", \"relatedSpdxElement\": \"SPDXRef-Package-AIFT\"}")
endforeach()

string(SHA256 _digest "${_digest}")
string(TIMESTAMP _now "%Y-%m-%dT%H:%M:%SZ" UTC)
json_text(_compiler "${COMPILER}")
file(WRITE "${OUT}/aift.spdx.json" "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"aift-${VERSION}\",
  \"documentNamespace\": \"https://aift.invalid/spdx/aift-${VERSION}-${_digest}\",
  \"creationInfo\": {\"created\": \"${_now}\", \"creators\": [\"Tool: aift-sbom-${VERSION}\"]},
  \"packages\": [
    {\"SPDXID\": \"SPDXRef-Package-AIFT\", \"name\": \"AIFT\", \"versionInfo\": \"${VERSION}\", \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"licenseConcluded\": \"Apache-2.0\", \"licenseDeclared\": \"Apache-2.0\", \"copyrightText\": \"NOASSERTION\", \"supplier\": \"NOASSERTION\", \"primaryPackagePurpose\": \"LIBRARY\", \"comment\": ${_compiler}}${_packages}
  ],
  \"files\": [${_files}
  ],
  \"relationships\": [
    {\"spdxElementId\": \"SPDXRef-DOCUMENT\", \"relationshipType\": \"DESCRIBES\", \"relatedSpdxElement\": \"SPDXRef-Package-AIFT\"}${_relations}
  ]${_custom}
}
")
file(WRITE "${OUT}/THIRD-PARTY.txt" "${_third}AIFT itself: Apache-2.0, see LICENSE and NOTICE.\n")
file(READ "${OUT}/aift.spdx.json" _written)
string(JSON _check ERROR_VARIABLE _error GET "${_written}" spdxVersion)
if(_error)
  message(FATAL_ERROR "aift.spdx.json is not JSON: ${_error}")
endif()
