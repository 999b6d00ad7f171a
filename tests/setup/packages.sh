#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packages.sh <build folder> <work folder> <cpack> <C compiler> <source folder>
# The .deb and the .tar.gz that cpack makes, unpacked into an empty prefix: the program runs, a C program
# is built with what pkg-config says, shared and static, and the bill of materials is complete.
set -euo pipefail
build=$1 work=$2 cpack=$3 cc=$4 source=$5
rm -rf -- "$work"
mkdir -p "$work"
generators=TGZ
if command -v dpkg-deb > /dev/null; then generators="TGZ;DEB"; fi
(cd "$build" && "$cpack" -G "$generators" -B "$work/packages" > "$work/cpack.log" 2>&1) ||
  { cat "$work/cpack.log"; exit 1; }
rm -rf "$work/packages/_CPack_Packages"

check() {  # <what> <prefix that holds bin, lib, include>
  local what=$1 prefix=$2
  "$prefix/bin/aift" --version
  export PKG_CONFIG_PATH="$prefix/lib/pkgconfig:$prefix/lib/x86_64-linux-gnu/pkgconfig"
  "$cc" -std=c99 "$source/tests/consumer/c/main.c" -o "$work/shared" \
    $(pkg-config --cflags --libs aift_c) -Wl,-rpath,"$(pkg-config --variable=libdir aift_c)"
  "$work/shared"
  "$cc" -std=c99 "$source/tests/consumer/c/main.c" -o "$work/static" \
    $(pkg-config --cflags --libs aift_c_static)
  "$work/static"
  if ldd "$work/static" | grep aift; then echo "$what: the static program needs a library"; exit 1; fi
  python3 "$source/tests/setup/check_sbom.py" "$(find "$prefix" -name aift.spdx.json)"
  [[ -s $(find "$prefix" -name THIRD-PARTY.txt) && -s $(find "$prefix" -name LICENSE) ]]
  echo "$what is good"
}

mkdir "$work/tar"
tar -xzf "$work"/packages/aift-*.tar.gz -C "$work/tar" --strip-components 1
check "the .tar.gz" "$work/tar"
if [[ $generators == *DEB* ]]; then
  dpkg-deb --info "$work"/packages/aift-*.deb | grep -E "Package|Version|Depends"
  dpkg-deb -x "$work"/packages/aift-*.deb "$work/deb"
  check "the .deb" "$work/deb/usr"
fi
rm -rf -- "$work"
