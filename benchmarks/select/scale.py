#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds and peak memory of selectors as the pool grows, on generated features (synthetic).

    python3 benchmarks/select/scale.py --program build/release/bin/bench_selectors

A process of its own per line. Data: float32 features [N, 128] and float64 means [N, 10]; the peak is that
of the process with them. MaxHerding's cost grows with the square of the pool: it is given 50,000 of it.
"""
import argparse
import json
import pathlib
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--selectors", nargs="+",
                        default=["k_center", "cluster_margin", "badge", "max_herding"])
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if not arguments.program.is_file():
        parser.error(f"{arguments.program} is not there; build bench_selectors first")
    print("| selector | N | seconds | data, MiB | peak, MiB |\n|---|---|---|---|---|", flush=True)
    for name in arguments.selectors:
        for n in arguments.sizes:
            command = [arguments.program, "--generate", str(n), str(arguments.features), "10",
                       "--budget", str(arguments.budget), "--threads", str(arguments.threads),
                       "--repeat", "1", name]
            if name in ("max_herding", "uherding", "prob_cover"):
                command += ["--subsample", str(min(n, 50_000))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(done.stderr)
            row = json.loads(done.stdout)
            print(f"| {name} | {n:,} | {row['seconds'][0]:.2f} | {row['data_mib']:.0f} | "
                  f"{row['peak_mib']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
