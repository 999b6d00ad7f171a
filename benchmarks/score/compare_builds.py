#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two builds of the scoring engine in one process, in turn: which is faster, and are the bits the same?

    git worktree add build/old <commit>     # and configure and build both, with the same options
    python3 benchmarks/score/compare_builds.py build/old/build/bench build/bench 2000 36 10

For machines whose clock wanders, where two runs one after the other say little. Single precision from
f32, one thread, caches emptied before each call; probabilities (P) and logits (Z), all patches and alpha
1/4. Printed: median milliseconds of the second build, and the median over the repetitions of its time
over that of the first one. Synthetic predictions. Needs NumPy and the builds' compiler.
"""
import argparse
import ctypes
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

SOURCE = """
#include <aift/score/scores.hpp>
extern "C" double score(const float* values, const std::int64_t* offsets, long n, long q,
                        long classes, int logits, double alpha, double* out) {
  using namespace aift;
  static ScoreTable table;
  table.clear();
  ScoreOptions options;
  options.precision = Precision::single;
  options.alpha = alpha;
  const auto kind = logits != 0 ? PredictionKind::logits : PredictionKind::probabilities;
  const auto count = static_cast<std::size_t>(n);
  score::aift(offsets == nullptr
                  ? PatchPredictions::dense(values, n, q, classes, kind)
                  : PatchPredictions::ragged(std::span(values, offsets[n] * classes),
                                             std::span(offsets, count + 1), classes, kind),
              options, table);
  for (long i = 0; i < n; ++i) out[i] = table.score[static_cast<std::size_t>(i)];
  return out[0];
}
"""


def library(build: pathlib.Path, name: str, folder: pathlib.Path):
    """The build's aift::core behind one C function."""
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    source = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", cache, re.M).group(1)
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M).group(1)
    (folder / "score.cpp").write_text(SOURCE, encoding="utf-8")
    out = folder / f"{name}.so"
    subprocess.run([compiler, "-O2", "-std=c++20", "-fPIC", "-shared", "-Wl,-Bsymbolic",
                    f"-I{source}/include", str(folder / "score.cpp"),
                    str(build / "src/core/libaift_core.a"), "-lfmt", "-lpthread", "-o", str(out)],
                   check=True)
    call = ctypes.CDLL(str(out)).score
    call.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_long,
                     ctypes.c_int, ctypes.c_double, ctypes.c_void_p]
    call.restype = ctypes.c_double
    return call


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path, help="build folder to compare with")
    parser.add_argument("new", type=pathlib.Path, help="build folder that is compared")
    parser.add_argument("candidates", type=int)
    parser.add_argument("patches", type=int)
    parser.add_argument("classes", type=int)
    parser.add_argument("--repetitions", type=int, default=41)
    parser.add_argument("--ragged", action="store_true",
                        help="candidates have 5/6 to 7/6 as many patches, drawn at random")
    arguments = parser.parse_args()
    n, q, classes = arguments.candidates, arguments.patches, arguments.classes
    if min(n, q, classes - 1) < 1 or arguments.repetitions < 2:
        parser.error("at least 1 candidate, 1 patch, 2 classes and 2 repetitions are needed.")
    for build in (arguments.old, arguments.new):
        for part in ("CMakeCache.txt", "src/core/libaift_core.a"):
            if not (build / part).is_file():
                parser.error(f"{build} has no {part}; configure it and build aift_core there.")
    random = np.random.default_rng(1)
    spread = q // 6 if arguments.ragged else 0
    counts = random.integers(q - spread, q + spread, n, endpoint=True)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    centres = np.repeat(2 * random.standard_normal((n, classes)), counts, axis=0)
    logits = (centres + random.standard_normal((offsets[-1], classes))).astype(np.float32)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    inputs = {"P": shifted / shifted.sum(axis=1, keepdims=True), "Z": logits}
    other = np.zeros(8 << 20, np.uint8)  # larger than a second-level cache
    results = [np.zeros(n), np.zeros(n)]
    with tempfile.TemporaryDirectory() as folder:
        calls = [library(build, name, pathlib.Path(folder))
                 for build, name in ((arguments.old, "old"), (arguments.new, "new"))]
    times = {}
    for repetition in range(arguments.repetitions):
        for kind, values in inputs.items():
            for alpha in (1.0, 0.25):
                seconds = [0.0, 0.0]
                for which in ((0, 1), (1, 0))[repetition % 2]:
                    other += 1
                    start = time.perf_counter()
                    calls[which](values.ctypes.data, offsets.ctypes.data if arguments.ragged else None,
                                 n, q, classes, kind == "Z", alpha, results[which].ctypes.data)
                    seconds[which] = time.perf_counter() - start
                if results[0].tobytes() != results[1].tobytes():
                    print(f"{kind}, alpha {alpha:g}: the scores differ", file=sys.stderr)
                    return 1
                if repetition > 0:
                    times.setdefault((kind, alpha), []).append(seconds)
    for (kind, alpha), pairs in times.items():
        ratios = sorted(new / old for old, new in pairs)
        print(f"{kind}, alpha {alpha:<4g} {1e3 * statistics.median(new for _, new in pairs):8.3f} ms, "
              f"{statistics.median(ratios):.2f} of the time before "
              f"({ratios[len(ratios) // 10]:.2f} to {ratios[-1 - len(ratios) // 10]:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
