# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: where things lie.
#   AIFT_CACHE_DIR    what is installed for AIFT          default $XDG_CACHE_HOME/aift, ~/.cache/aift
#   AIFT_WEIGHTS_DIR  prepared weights                    default $AIFT_CACHE_DIR/weights
#   AIFT_TORCH_DIR    a LibTorch that is there already    default: the one in the environment below
#   AIFT_SHARED_DIR   data sets for work and tests        default: `shared` beside the project
# and what the compiler cache needs, exported: paths below the project count as relative, so that a
# second clone finds what the first one compiled, and the settings that ccache asks for to work with
# a precompiled header. What the environment says already stays.
# shellcheck shell=bash disable=SC2034

aift_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
aift_cache=${AIFT_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/aift}
aift_weights=${AIFT_WEIGHTS_DIR:-$aift_cache/weights}
aift_venv=$aift_cache/venv
aift_python=$aift_venv/bin/python
aift_shared=${AIFT_SHARED_DIR:-$(dirname -- "$aift_root")/shared}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$aift_root}
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
