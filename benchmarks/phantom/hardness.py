#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How hard a generated data set is: test AUC of a network trained on so many labels drawn at random.

One `aift run` of one round per data set and seed; a seed decides which groups are tested on, which
candidates are labelled, and the training. Prints the AUC of each run and, over all, mean, standard
deviation, smallest and largest.

    aift phantom colonoscopy --size 128 --seed 1 --out build/colon1
    python3 benchmarks/phantom/hardness.py --program build/release/bin/aift --out build/hardness \
        --data build/colon1 build/colon2 --seeds 5 --input-size 96

Options that are not known here go to `aift run`; for other ones take another --out, since finished runs
are not repeated and interrupted ones go on. Needs nothing but Python's own library.
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "study"))
from compare_selectors import aift_run, read_curve, rounds_done, run_all  # noqa: E402


def folder_of(arguments, data: pathlib.Path, seed: int) -> pathlib.Path:
    return arguments.out / f"{data.name}-{arguments.labels}-{seed}"


def run_one(arguments, data: pathlib.Path, seed: int) -> str:
    folder = folder_of(arguments, data, seed)
    if rounds_done(folder) < 1:
        aift_run(arguments.program, folder,
                 ["--data", str(data / "manifest.csv"), "--selector", "random", "--first", "random",
                  "--budget", str(arguments.labels), "--rounds", "1", "--seed", str(seed),
                  "--threads", "1", *arguments.extra])
    return f"{folder.name}: {read_curve(folder)[0][1]:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the program aift")
    parser.add_argument("--data", type=pathlib.Path, nargs="+", required=True,
                        help="folders with a manifest.csv, of different names")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the runs")
    parser.add_argument("--labels", type=int, default=100, help="labels drawn at random (100)")
    parser.add_argument("--seeds", type=int, default=5, help="runs per data set, seeds 1 to n (5)")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (2)")
    arguments, arguments.extra = parser.parse_known_args()
    if len({data.name for data in arguments.data}) < len(arguments.data):
        parser.error("two folders of --data have the same name; runs are kept by name.")
    tasks = [(arguments, data, seed + 1) for data in arguments.data for seed in range(arguments.seeds)]
    if run_all(arguments.jobs, run_one, tasks) > 0:
        return 1
    found = [read_curve(folder_of(*task))[0][1] for task in tasks]
    print(f"{len(found)} runs: mean {statistics.fmean(found):.3f}, standard deviation "
          f"{statistics.stdev(found) if len(found) > 1 else 0:.3f}, {min(found):.3f} to {max(found):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
