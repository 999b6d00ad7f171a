#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_sbom.py FILE [FOLDER]: what SPDX 2.3 asks of a document, and the hashes of the files in FOLDER."""
import hashlib
import json
import os
import re
import sys

ID = re.compile(r"^SPDXRef-[A-Za-z0-9.-]+$")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    wrong = []

    def expect(condition, what):
        if not condition:
            wrong.append(what)

    expect(document["spdxVersion"] == "SPDX-2.3", "spdxVersion")
    expect(document["dataLicense"] == "CC0-1.0", "dataLicense")
    expect(document["SPDXID"] == "SPDXRef-DOCUMENT", "SPDXID")
    expect(re.fullmatch(r"https?://[^#\s]+", document["documentNamespace"]), "documentNamespace")
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"]),
           "created")
    expect(all(re.match(r"(Tool|Organization|Person): ", c)
               for c in document["creationInfo"]["creators"]), "creators")
    ids = {"SPDXRef-DOCUMENT"}
    named = set()
    licences = {entry["licenseId"] for entry in document.get("hasExtractedLicensingInfos", [])}
    for element in document["packages"] + document["files"]:
        expect(ID.match(element["SPDXID"]), f"id {element['SPDXID']}")
        expect(element["SPDXID"] not in ids, f"id {element['SPDXID']} twice")
        ids.add(element["SPDXID"])
        licence = element["licenseConcluded"]
        expect(licence and (not licence.startswith("LicenseRef-") or licence in licences),
               f"licence {licence}")
    for package in document["packages"]:
        named.add(package["name"])
        for member in ("name", "downloadLocation", "filesAnalyzed", "licenseDeclared", "copyrightText"):
            expect(member in package, f"{package['SPDXID']} lacks {member}")
    for file in document["files"]:
        sums = {c["algorithm"]: c["checksumValue"] for c in file["checksums"]}
        expect(re.fullmatch(r"[0-9a-f]{40}", sums.get("SHA1", "")), f"SHA1 of {file['fileName']}")
    for relation in document["relationships"]:
        expect(relation["spdxElementId"] in ids and relation["relatedSpdxElement"] in ids,
               f"relationship {relation}")
    for name in ("AIFT", "Eigen", "fmt"):
        expect(name in named, f"package {name}")
    checked = 0
    if len(sys.argv) > 2:
        found = {}
        for folder, _, names in os.walk(sys.argv[2]):
            for name in names:
                found.setdefault(name, os.path.join(folder, name))
        for file in document["files"]:
            name = os.path.basename(file["fileName"])
            if name in found:
                with open(found[name], "rb") as content:
                    digest = hashlib.sha256(content.read()).hexdigest()
                sums = {c["algorithm"]: c["checksumValue"] for c in file["checksums"]}
                expect(sums["SHA256"] == digest, f"hash of {name}")
                checked += 1
        expect(checked > 0, "no delivered file was found")
    for what in wrong:
        print(f"wrong: {what}")
    print(f"{len(document['packages'])} packages, {len(document['files'])} files, {checked} hashes, "
          f"{len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
