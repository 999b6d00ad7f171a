#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The study of docs/results/pulmonary_embolism.md, on synthetic scans: scans, candidates, the active
loop with some selectors and seeds, and detection (FROC) with the network before and after it.

    python3 benchmarks/ct/pe_study.py --program build/release/bin/aift --out build/pe

Protocol. A seed decides which half of the scans is the pool and which the test set, and the first
batch, the same for every selector; so curves of one seed are paired. "Before" is the network of the
first batch, which is drawn at random and the same for all selectors; "after" the one of the last round.

Finished runs are not repeated, interrupted ones go on; with --summary nothing is run. Writes curves.csv,
froc.csv and summary.md into --out. Needs nothing but Python's own library.
"""
import argparse
import csv
import pathlib
import random
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "study"))
from compare_selectors import (area, call, interval, labels_to_reach, read_curve,  # noqa: E402
                               run_all, table)

SELECTORS = {"aift": ["--set", "alpha=1"], "margin": ["--set", "alpha=1"], "random": []}


def rows_of(file: pathlib.Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def write_rows(file: pathlib.Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def split(arguments, seed: int) -> None:
    """The lists of one seed: half of the scans are its test set."""
    scans = rows_of(arguments.out / "scans" / "scans.csv")
    order = list(range(len(scans)))
    random.Random(f"aift-pe-{seed}").shuffle(order)
    tested = {pathlib.Path(scans[i]["volume"]).name for i in order[:len(scans) // 2]}
    for row in scans:
        row["split"] = "test" if pathlib.Path(row["volume"]).name in tested else "pool"
    # beside the table and the list that they come from: their paths are relative
    write_rows(arguments.out / "scans" / f"scans-{seed}.csv", scans)
    candidates = rows_of(arguments.out / "candidates.csv")
    for row in candidates:
        row["split"] = "test" if pathlib.Path(row["volume"]).name in tested else "pool"
    write_rows(arguments.out / f"candidates-{seed}.csv", candidates)


def folder_of(arguments, selector: str, seed: int) -> pathlib.Path:
    return arguments.out / "runs" / f"{selector}-{seed}"


def detections(folder: pathlib.Path) -> dict[int, dict[str, float]]:
    """froc.csv of a run: measures by number of labels."""
    found: dict[int, dict[str, float]] = {}
    if (folder / "froc.csv").is_file():
        for row in rows_of(folder / "froc.csv"):
            found.setdefault(int(row["labels"]), {})[row["measure"]] = float(row["value"])
    return found


def finished(arguments, selector: str, seed: int) -> bool:
    return len(detections(folder_of(arguments, selector, seed))) == 2


def run_one(arguments, selector: str, seed: int) -> str:
    folder = folder_of(arguments, selector, seed)
    if finished(arguments, selector, seed):
        return f"{folder}: finished before"
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    aift = str(arguments.program)
    froc = [aift, "ct", "froc", "--run", str(folder), "--hit-mm", str(arguments.hit_mm), "--scans",
            str(arguments.out / "scans" / f"scans-{seed}.csv")]
    if not (folder / "state.json").is_file():
        call([aift, "run", "--data", str(arguments.out / f"candidates-{seed}.csv"), "--classes",
             "other,embolus", "--model", arguments.model, "--weights", "imagenet", "--input-size",
             "64", "--selector", selector, *SELECTORS[selector], "--first", "random", "--views",
             str(arguments.views), "--test-views", "4", "--budget", str(arguments.budget),
             "--rounds", "1", "--seed", str(seed), "--threads", "1", "--train", "members=1",
             "--train", "steps=60", "--train", "batch=16", "--train", "guard=off", "--out",
             str(folder)], log)
    if not detections(folder):
        call(froc, log)
    call([aift, "run", "--resume", "--rounds", str(arguments.rounds), "--out", str(folder)], log)
    call(froc, log)
    return f"{folder}: done"


def summarise(arguments) -> str:
    runs = {(name, seed): read_curve(folder_of(arguments, name, seed))
            for name in SELECTORS for seed in arguments.seeds if finished(arguments, name, seed)}
    seeds = [s for s in arguments.seeds if all((name, s) in runs for name in SELECTORS)]
    if not seeds:
        return "no seed is finished yet\n"
    write_rows(arguments.out / "curves.csv",
               [{"selector": name, "seed": seed, "labels": labels, "auc": auc}
                for (name, seed), curve in runs.items() for labels, auc in curve])
    rates = ["0.125", "0.25", "0.5", "1", "2", "4", "8"]
    found = {key: detections(folder_of(arguments, *key)) for key in runs}
    write_rows(arguments.out / "froc.csv",
               [{"selector": name, "seed": seed, "labels": labels, **measures}
                for (name, seed), by_labels in found.items()
                for labels, measures in by_labels.items()])
    labels = [n for n, _ in runs["random", seeds[0]]]
    curves, ends = [], []
    for name in SELECTORS:
        mine = [runs[name, s] for s in seeds]
        points = [f"{statistics.fmean(c[i][1] for c in mine):.3f}" for i in range(len(labels))]
        gains = [area(runs[name, s]) - area(runs["random", s]) for s in seeds]
        curves.append([name, *points, f"{statistics.fmean(area(c) for c in mine):.4f}",
                       interval(gains) if name != "random" else ""])
        reached = [labels_to_reach(runs[name, s], runs["random", s][-1][1]) for s in seeds]
        ends.append([name, *(f"{n:.0f}" if n < 1e9 else f"> {labels[-1]}" for n in reached),
                     f"{n:.0f}" if (n := statistics.median_high(reached)) < 1e9
                     else f"> {labels[-1]}"])
    text = table(["selector", *(str(n) for n in labels), "area", "area minus random [95 %]"], curves)
    text += "\n" + table(["labels to the last AUC of random", *(f"seed {s}" for s in seeds),
                          "median"], ends)
    rows = []
    for name in SELECTORS:
        for which, label in ((min, "before"), (max, "after")):
            if which is min and name != "aift":
                continue  # the first batch is everybody's
            chosen = [found[name, s][which(found[name, s])] for s in seeds]
            mean = [f"{statistics.fmean(c[m] for c in chosen):.3f}" for m in ("auc", *rates, "mean")]
            gains = [found[name, s][max(found[name, s])]["mean"] -
                     found["random", s][max(found["random", s])]["mean"] for s in seeds]
            rows.append([f"all, {label}" if which is min else f"{name}, {label}", *mean,
                         interval(gains) if which is max and name != "random" else ""])
    text += "\n" + table(["sensitivity at false positives per scan", "candidate AUC", "1/8", "1/4",
                          "1/2", "1", "2", "4", "8", "mean", "mean minus random [95 %]"], rows)
    text += f"\nMeans over the seeds {', '.join(map(str, seeds))}.\n"
    (arguments.out / "summary.md").write_text(text, encoding="utf-8")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=pathlib.Path("build/release/bin/aift"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--scans", type=int, default=24)
    parser.add_argument("--phantom-seed", type=int, default=2026)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--hit-mm", type=float, default=2)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--summary", action="store_true", help="compare what is there, run nothing")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    aift = str(arguments.program)
    if not arguments.summary:
        if not (out / "scans" / "scans.csv").is_file():
            call([aift, "phantom", "ctpa", "--scans", str(arguments.scans), "--format", "nifti",
                 "--seed", str(arguments.phantom_seed), "--out", str(out / "scans")],
                 out / "scans.log")
        if not (out / "candidates.csv").is_file():
            call([aift, "ct", "candidates", "--scans", str(out / "scans" / "scans.csv"),
                 "--hit-mm", str(arguments.hit_mm), "--out", str(out / "candidates.csv")],
                 out / "candidates.log")
        for seed in arguments.seeds:
            split(arguments, seed)
        failed = run_all(arguments.jobs, run_one,
                         [(arguments, name, seed) for seed in arguments.seeds for name in SELECTORS])
    print(summarise(arguments))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
