#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# installed_program.sh <build folder> <work folder> <cmake> <with LibTorch: 0 or 1>
# The installed program finds its second half wherever the prefix lies, and says so when it does not.
set -euo pipefail
build=$1 work=$2 cmake=$3 torch=$4
rm -rf -- "$work"
"$cmake" --install "$build" --prefix "$work/first" --component aift_app > /dev/null
mv -- "$work/first" "$work/moved"
mkdir "$work/links"
ln -s "$work/moved/bin/aift" "$work/links/aift"
aift=$work/links/aift

# expect <exit status> <text in the output> <command...>
expect() {
  local status=$1 text=$2 out rc=0
  shift 2
  out=$("$@" 2>&1) || rc=$?
  if [[ $rc -ne $status || $out != *"$text"* ]]; then
    printf '%s\n gave %s, expected %s and "%s":\n%s\n' "$*" "$rc" "$status" "$text" "$out"
    exit 1
  fi
}
expect 0 "Example" "$aift" score --help
expect 0 "--views N" "$aift" run --help
expect 2 "holds no run" "$aift" report "$work" --out "$work/x.html"
if [[ $torch == 1 ]]; then
  expect 0 "efficientnet_lite0" "$aift" models
  expect 2 "none.pt is not there" "$aift" run --data "$work" --model "$work/none.pt" --out "$work/run"
  find "$work/moved" -name aift-torch -delete
  expect 1 "could not be started" "$aift" models
  expect 2 "--budget" "$aift" run --data "$work" --budget 0 --out "$work/run"
  expect 1 "could not be started" "$aift" run --data "$work" --out "$work/run"
else
  expect 2 "built without LibTorch" "$aift" models
  expect 2 "built without LibTorch" "$aift" run --data "$work" --out "$work/run"
fi
[[ ! -e $work/run ]] || { echo "a refused run left a folder"; exit 1; }
