#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds per candidate of the score as it is usually written down in Python, beside this library.

    pair_loop.py build/bench/bin/bench_score [--seconds 3] [--repetitions 5]

pairs, plain Python   two loops over patches, one over classes, a logarithm for every term
pairs, NumPy rows     the same two loops, NumPy arithmetic over the classes of a pair
library               `single, f32 probabilities`, all patches kept, one thread, as bench_score
                      times it in the same run

Entropy plus diversity over ordered pairs, 36 patches, eps = 2^-52; synthetic predictions. Each form
runs over as many candidates as fit into --seconds; ratios are medians over the repetitions.
"""
import argparse
import json
import math
import statistics
import subprocess
import time

import numpy as np

EPS = 2.0 ** -52
PATCHES = 36


def plain_python(p):
    """Score of one candidate; p is a list of rows."""
    score = 0.0
    for j, a in enumerate(p):
        for l, b in enumerate(p):
            for k in range(len(a)):
                if j == l:
                    score -= a[k] * math.log(a[k] + EPS)
                else:
                    score += (a[k] - b[k]) * math.log((a[k] + EPS) / (b[k] + EPS))
    return score


def numpy_rows(p):
    """The same; p is an array [patches, classes]."""
    score = 0.0
    for j in range(len(p)):
        for l in range(len(p)):
            if j == l:
                score -= np.sum(p[j] * np.log(p[j] + EPS))
            else:
                score += np.sum((p[j] - p[l]) * np.log((p[j] + EPS) / (p[l] + EPS)))
    return score


def per_candidate(form, candidates, seconds):
    """Seconds per candidate; at least one candidate."""
    done = 0
    start = time.perf_counter()
    while done == 0 or time.perf_counter() - start < seconds:
        form(candidates[done % len(candidates)])
        done += 1
    return (time.perf_counter() - start) / done


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench_score", help="the built program")
    parser.add_argument("--seconds", type=float, default=3, help="per form and repetition")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    run = subprocess.run([arguments.bench_score], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    print(f"engine {lines[0]['engine']}")
    random = np.random.default_rng(1)
    for line in lines[1:]:
        if line["case"] != "single, f32 probabilities" or line["alpha"] != 1:
            continue
        library = line["seconds_median"] / line["candidates"]
        z = random.normal(size=(8, PATCHES, line["classes"]))
        p = np.exp(z)
        p /= p.sum(axis=2, keepdims=True)
        as_lists = p.tolist()
        assert abs(plain_python(as_lists[0]) - numpy_rows(p[0])) < 1e-6 * numpy_rows(p[0])
        print(f"{PATCHES} patches, {line['classes']} classes: library {library * 1e6:.3f} us")
        for name, form, data in (("pairs, plain Python", plain_python, as_lists),
                                 ("pairs, NumPy rows", numpy_rows, p)):
            times = [per_candidate(form, data, arguments.seconds / arguments.repetitions)
                     for _ in range(arguments.repetitions)]
            median = statistics.median(times)
            print(f"  {name:20s} {median * 1e3:9.3f} ms ({min(times) * 1e3:.3f} to "
                  f"{max(times) * 1e3:.3f}), {median / library:,.0f} times as long")


if __name__ == "__main__":
    main()
