#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `aift run` for several selectors and seeds on one manifest and compares the curves.

Protocol. A seed decides three things, the same for every selector: which groups are the pool and
which the test set, which candidates the pool is cut down to, and (through `aift run --seed`) the
first batch. So the curves of one seed are paired. The test labels are seen by the metrics alone.

    python3 benchmarks/study/compare_selectors.py --program build/release/bin/aift \
        --data ../shared/data/kvasir-seg-patches/manifest.csv --out build/study

Runs that are finished are not repeated; one that was interrupted goes on where it stopped. Writes
curves.csv (every point), summary.csv and summary.md. Needs nothing but Python's own library.
"""
import argparse
import concurrent.futures
import csv
import math
import pathlib
import random
import statistics
import subprocess
import sys

# Name in the tables: selector, its settings, further options of `aift run`.
SELECTORS = {
    "random": ("random", [], []),
    "entropy a=1/4": ("entropy", ["alpha=0.25"], []),
    "diversity a=1/2": ("diversity", ["alpha=0.5"], []),
    "aift a=1/4": ("aift", ["alpha=0.25"], []),
    "aift a=1/2": ("aift", ["alpha=0.5"], []),
    "aift a=1": ("aift", ["alpha=1"], []),
    "aift a=1/2, ACFT draw": ("aift", ["alpha=0.5", "pick=acft"], []),
    "margin": ("margin", ["alpha=1"], []),
    "random, from pretrained": ("random", [], ["--start", "pretrained"]),
    "aift a=1, from pretrained": ("aift", ["alpha=1"], ["--start", "pretrained"]),
}
# Two-sided 95 % points of Student's t with 1, 2, ... degrees of freedom.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
       2.145, 2.131, 2.120, 2.110, 2.101, 2.093]


def split_manifest(source: pathlib.Path, out: pathlib.Path, seed: int, pool: int, test: int) -> None:
    """Whole groups to one side or the other; then both sides cut down at random."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = random.Random(f"aift-study-{seed}")
    groups = sorted({row["group"] for row in rows})
    rng.shuffle(groups)
    share = test / (pool + test)
    tested = set(groups[:round(share * len(groups))])
    sides = {"test": [r for r in rows if r["group"] in tested],
             "pool": [r for r in rows if r["group"] not in tested]}
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "group", "split"])
        for side, wanted in (("pool", pool), ("test", test)):
            members = sorted(sides[side], key=lambda r: r["path"])
            for row in rng.sample(members, min(wanted, len(members))):
                path = (source.parent / row["path"]).resolve()
                writer.writerow([path, row["label"], row["group"], side])


def finished(folder: pathlib.Path, rounds: int) -> bool:
    curve = folder / "curve.csv"
    return curve.is_file() and len(curve.read_text().splitlines()) == rounds + 1


def run_one(arguments, name: str, seed: int) -> str:
    folder = arguments.out / f"seed{seed}" / slug(name)
    if finished(folder, arguments.rounds):
        return f"{folder}: finished before"
    command = [str(arguments.program), "run", "--out", str(folder)]
    if (folder / "state.json").is_file():
        command.append("--resume")
    else:
        selector, settings, options = SELECTORS[name]
        command += ["--data", str(arguments.out / f"seed{seed}" / "manifest.csv"),
                    "--model", arguments.model, "--weights", "imagenet", "--selector", selector,
                    "--first", "random", "--budget", str(arguments.budget),
                    "--rounds", str(arguments.rounds), "--views", str(arguments.views),
                    "--seed", str(seed), "--threads", str(arguments.threads)]
        for setting in settings:
            command += ["--set", setting]
        command += options + arguments.extra
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{folder}: exit {done.returncode}, see {log}")
    return f"{folder}: done"


def slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")


def read_curve(folder: pathlib.Path) -> list[tuple[int, float]]:
    with (folder / "curve.csv").open(encoding="utf-8", newline="") as file:
        return [(int(r["labels"]), float(r["auc"])) for r in csv.DictReader(file)]


def area(curve: list[tuple[int, float]]) -> float:
    """Mean AUC over the label axis: trapezoids between the points, divided by their span."""
    total = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(curve, curve[1:]))
    return total / (curve[-1][0] - curve[0][0])


def interval(values: list[float]) -> str:
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.4f}"
    half = T95[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]"


def summarise(arguments) -> str:
    curves = {}
    for name in arguments.selectors:
        for seed in arguments.seeds:
            folder = arguments.out / f"seed{seed}" / slug(name)
            if finished(folder, arguments.rounds):
                curves[name, seed] = read_curve(folder)
    with (arguments.out / "curves.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["selector", "seed", "labels", "auc"])
        for (name, seed), curve in curves.items():
            writer.writerows([name, seed, labels, auc] for labels, auc in curve)
    labels = [n for n, _ in next(iter(curves.values()))]
    lines = ["| selector | seeds | " + " | ".join(str(n) for n in labels) +
             " | area | area minus random [95 %] |", "|---" * (len(labels) + 4) + "|"]
    with (arguments.out / "summary.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["selector", "seed", "area", "final_auc"])
        for name in arguments.selectors:
            seeds = [s for s in arguments.seeds if (name, s) in curves]
            if not seeds:
                continue
            mine = [curves[name, s] for s in seeds]
            areas = [area(c) for c in mine]
            for s, c, a in zip(seeds, mine, areas):
                writer.writerow([name, s, a, c[-1][1]])
            points = [f"{statistics.fmean(c[i][1] for c in mine):.4f}" for i in range(len(labels))]
            paired = [area(curves[name, s]) - area(curves["random", s]) for s in seeds
                      if ("random", s) in curves]
            lines.append(f"| {name} | {len(seeds)} | " + " | ".join(points) +
                         f" | {statistics.fmean(areas):.4f} | " +
                         ("" if name == "random" or not paired else interval(paired)) + " |")
    text = "\n".join(lines) + "\n"
    (arguments.out / "summary.md").write_text(text, encoding="utf-8")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--selectors", nargs="+", choices=SELECTORS,
                        default=["random", "aift a=1/4", "aift a=1/2", "aift a=1"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--pool", type=int, default=600)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="of one run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[],
                        help="further options of `aift run`, last")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        manifest = arguments.out / f"seed{seed}" / "manifest.csv"
        if not manifest.is_file():
            split_manifest(arguments.data, manifest, seed, arguments.pool, arguments.test)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        # Seed by seed, so that an unfinished study still compares whole seeds.
        waiting = [pool.submit(run_one, arguments, name, seed)
                   for seed in arguments.seeds for name in arguments.selectors]
        for job in concurrent.futures.as_completed(waiting):
            try:
                print(job.result(), flush=True)
            except RuntimeError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    print(summarise(arguments))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
