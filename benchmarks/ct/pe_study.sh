#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The study of docs/results/pulmonary_embolism.md on synthetic scans: candidates, runs of the loop with
# three selectors and some seeds, FROC with the networks before and after.
#
#   benchmarks/ct/pe_study.sh FOLDER [PROGRAM] [SEEDS]
#
# What is there already is not made again. THREADS (default 1) of the network.
set -euo pipefail
out=$1
aift=${2:-build/release/bin/aift}
seeds=${3:-"1 2 3 4 5"}
phantom_seed=${PHANTOM_SEED:-2026}
mkdir -p "$out"
[[ -e $out/scans/scans.csv ]] ||
  "$aift" phantom ctpa --scans 24 --size 320 --format nifti --seed "$phantom_seed" --threads 1 \
    --test-share 0.5 --out "$out/scans"
[[ -e $out/candidates.csv ]] ||
  "$aift" ct candidates --scans "$out/scans/scans.csv" --threads 1 --out "$out/candidates.csv" |
    tee "$out/candidates.txt"
froc() {  # <run> <what>
  "$aift" ct froc --data "$out/candidates.csv" --scans "$out/scans/scans.csv" \
    --predictions "$1/predictions.csv" --out "$1/froc-$2.csv" > "$1/froc-$2.txt"
}
for seed in $seeds; do
  for selector in aift margin random; do
    run=$out/runs/$selector-$seed
    [[ -e $run/froc-after.txt ]] && continue
    if [[ ! -e $run/froc-before.txt ]]; then  # the model of the first batch alone
      rm -rf "$run"
      set=()
      [[ $selector == aift ]] && set=(--set alpha=1)
      "$aift" run --data "$out/candidates.csv" --classes other,embolus --model efficientnet_lite0 \
        --weights imagenet --input-size 64 --selector "$selector" "${set[@]}" --views 4 \
        --test-views 4 --budget 20 --rounds 1 --seed "$seed" --threads "${THREADS:-1}" \
        --train members=1 --train steps=60 --train batch=16 --out "$run"
      froc "$run" before
    fi
    "$aift" run --resume --rounds 8 --out "$run"
    froc "$run" after
  done
done
"$aift" report "$out"/runs/*/ --no-images --out "$out/report.html"
