#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `aift ct froc` with a slow computation, threshold by threshold, on random tables.

    check_froc.py PROGRAM
"""
import csv
import pathlib
import random
import subprocess
import sys
import tempfile

RATES = (0.125, 0.25, 0.5, 1, 2, 4, 8)


def slow(findings, emboli):
    """findings: (scan, score, embolus or None); emboli: number per scan."""
    total = sum(emboli)
    curve = []
    for threshold in sorted({score for _, score, _ in findings}, reverse=True):
        marks = [f for f in findings if f[1] >= threshold]
        hit = {(scan, embolus) for scan, _, embolus in marks if embolus is not None}
        false = sum(1 for f in marks if f[2] is None)
        curve.append((threshold, false / len(emboli), len(hit) / total))
    at = [max([s for _, fp, s in curve if fp <= rate], default=0.0) for rate in RATES]
    return curve, at


def slow_auc(findings):
    positive = [s for _, s, e in findings if e is not None]
    negative = [s for _, s, e in findings if e is None]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


program = sys.argv[1]
faults = 0
for case in range(12):
    rng = random.Random(case)
    scans = rng.randint(1, 9)
    emboli = [rng.randint(0, 4) for _ in range(scans)]
    emboli[0] = max(1, emboli[0])
    digits = rng.choice((1, 2, 6))  # few digits: many ties
    findings = [(0, 0.5, 0), (0, 0.25, None)]
    for scan in range(scans):
        for _ in range(rng.randint(0, 25)):
            embolus = rng.randrange(emboli[scan]) if emboli[scan] and rng.random() < 0.3 else None
            findings.append((scan, round(rng.random(), digits), embolus))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "scans.csv").write_text(
            "volume,emboli\n" + "".join(f"s{i},{n}\n" for i, n in enumerate(emboli)))
        (folder / "c.csv").write_text(
            "candidate_id,volume,x,y,z,label,embolus_id,score\n" + "".join(
                f"c{i},s{scan},0,0,0,{'other' if e is None else 'embolus'},"
                f"{'' if e is None else e + 1},{score}\n"
                for i, (scan, score, e) in enumerate(findings)))
        run = subprocess.run(
            [program, "ct", "froc", "--data", folder / "c.csv", "--scans", folder / "scans.csv",
             "--replicates", "20", "--out", folder / "froc.csv"],
            capture_output=True, text=True, check=True)
        curve, at = slow(findings, emboli)
        rows = list(csv.reader((folder / "froc.csv").open()))[1:]
        mine = [tuple(map(float, row)) for row in rows]
    printed = [float(line[34:].split()[0]) for line in run.stdout.splitlines()[1:]]
    wanted = [slow_auc(findings), *at, sum(at) / len(at)]
    bad = len(mine) != len(curve) or any(
        abs(a - b) > 1e-12 for one, other in zip(mine, curve) for a, b in zip(one, other))
    bad = bad or len(printed) != len(wanted) or any(
        abs(a - b) > 0.00051 for a, b in zip(printed, wanted))
    if bad:
        faults += 1
        print(f"case {case} differs:\n{mine}\n{curve}\n{printed}\n{wanted}")
print(f"12 tables, {faults} faults")
sys.exit(1 if faults else 0)
