#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# second_clone.sh <project> <compiler> <work folder>
# Compiles the same two files in two folders, each with the settings of its own scripts/common.sh
# and a cache that was empty: the second folder must not compile anything.
set -euo pipefail
project=$1 compiler=$2 work=$3
command -v ccache > /dev/null || { echo "SKIPPED: no ccache here"; exit 0; }
rm -rf -- "$work"
unset CCACHE_BASEDIR CCACHE_SLOPPINESS
export CCACHE_DIR=$work/cache CCACHE_CONFIGPATH=$work/none.conf

build() (  # in a shell of its own: the settings of one clone must not reach the other
  clone=$work/$1
  mkdir -p "$clone/scripts" "$clone/include" "$clone/build"
  cp "$project/scripts/common.sh" "$clone/scripts"
  printf '#include <vector>\n' > "$clone/include/big.hpp"
  printf '#pragma once\ninline int one() { return 1; }\n' > "$clone/include/one.hpp"
  printf '#include "one.hpp"\nint two() { return one() + static_cast<int>(std::vector<int>(1).size()); }\n' \
    > "$clone/two.cpp"
  # shellcheck source=scripts/common.sh disable=SC1091
  source "$clone/scripts/common.sh"
  cd "$clone/build"
  ccache "$compiler" -I"$clone/include" -x c++-header -c "$clone/include/big.hpp" \
    -o "$clone/build/big.hpp.gch"
  ccache "$compiler" -I"$clone/include" -fpch-preprocess -Winvalid-pch \
    -include "$clone/build/big.hpp" -c "$clone/two.cpp" -o "$clone/build/two.o"
)
misses() { ccache --print-stats | awk '$1 == "cache_miss" { print $2 }'; }

build first
first=$(misses)
build second
second=$(misses)
echo "compiled in the first clone: $first, in the second: $((second - first))"
[[ $first -ge 2 && $second -eq $first ]]
