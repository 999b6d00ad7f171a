#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# aift_score.sh <aift>: `aift score --device cuda` writes the bytes of --device cpu. Without a GPU it
# must end with status 2 and one sentence; the test then counts as skipped.
set -euo pipefail
aift=$1
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT

# 600 candidates, 5 patches, 3 classes, float32: logits from a small generator (synthetic).
{
  printf '\x93NUMPY\x01\x00\x76\x00'
  printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (600, 5, 3), }"
  printf '%b' "$(awk 'BEGIN {
    for (i = s = 1; i <= 9000; ++i) {
      s = (s * 16807) % 2147483647
      printf "\\x00\\x00\\x%02x\\x%02x", 128 + s % 100, 63 + s % 2
    }
  }')"
} >"$dir/z.npy"
options=(--logits "$dir/z.npy" --alpha 0.6 --matrix)
"$aift" score "${options[@]}" "$dir/cpu.npy" --out "$dir/cpu.csv"
result=0
"$aift" score "${options[@]}" "$dir/gpu.npy" --device cuda --out "$dir/gpu.csv" 2>"$dir/err" ||
  result=$?
if [[ $result == 0 ]]; then
  cmp "$dir/cpu.csv" "$dir/gpu.csv"
  cmp "$dir/cpu.npy" "$dir/gpu.npy"
  echo "aift score: the same bytes on the GPU"
  exit 0
fi
cat "$dir/err"
[[ $result == 2 && $(wc -l <"$dir/err") == 1 ]] || exit 1
grep -q -- '--device cpu, which gives the same scores' "$dir/err"
[[ ! -e $dir/gpu.csv && ! -e $dir/gpu.npy ]]
[[ ${AIFT_REQUIRE_GPU:-} != 1 ]] || exit 1
echo "SKIPPED: no CUDA device"
exit 77
