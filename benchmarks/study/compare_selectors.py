#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `aift run` for several selectors, training variants and seeds on one manifest and compares
the learning curves.

Protocol. A seed decides three things, the same for every row: which groups are the pool and which
the test set, which candidates the pool is cut down to, and (through `aift run --seed`) the first
batch. So the curves of one seed are paired. The test labels are seen by the metrics alone. Beside
the rows, each seed has one run that labels the whole pool at once, with the row `full data`.

    python3 benchmarks/study/compare_selectors.py --program build/release/bin/aift \
        --data ../shared/data/kvasir-seg-patches/manifest.csv --out build/study

Runs that are finished are not repeated; one that was interrupted goes on where it stopped; with
--summary nothing is run and what is finished is compared. Writes curves.csv (every point; all that
the tables rest on), summary.csv (row and seed) and summary.md. Needs nothing but Python's own
library.

Tables. AUC per number of labels: mean over the seeds. area: mean AUC over the label axis, by
trapezoids. labels to full - 0.02: the first number of labels at which the curve, linear between its
points, reaches the AUC of the full data minus 0.02, per seed; ">n" where it never does within the n
labels of the run, and the median of the seeds. Differences are paired by seed; intervals are those
of Student's t at 95 %. They are not corrected for the number of rows.
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
ROWS = {
    "random": ("random", [], []),
    "margin": ("margin", ["alpha=1"], []),
    "entropy": ("entropy", ["alpha=1"], []),
    "diversity": ("diversity", ["alpha=1"], []),
    "aift a=1/4": ("aift", ["alpha=0.25"], []),
    "aift a=1/2": ("aift", ["alpha=0.5"], []),
    "aift a=1": ("aift", ["alpha=1"], []),
    "aift a=1, ACFT draw": ("aift", ["alpha=1", "pick=acft"], []),
    "uherding": ("uherding", [], []),
    "drop_query": ("drop_query", [], []),
    "cluster_margin": ("cluster_margin", [], []),
    "tcm": ("tcm", [], []),
    "random, pretrained": ("random", [], ["--start", "pretrained"]),
    "aift a=1, pretrained": ("aift", ["alpha=1"], ["--start", "pretrained"]),
    "aift a=1, scratch": ("aift", ["alpha=1"], ["--start", "scratch"]),
    "aift a=1, new": ("aift", ["alpha=1"], ["--train-set", "new"]),
    "aift a=1, hard": ("aift", ["alpha=1"], ["--train-set", "hard"]),
}
FULL = "full data"
SELECTORS = ["random", "margin", "entropy", "diversity", "aift a=1/4", "aift a=1",
             "aift a=1, ACFT draw"]
TOLERANCE = 0.02
# Two-sided 95 % points of Student's t with 1, 2, ... degrees of freedom.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
       2.145, 2.131, 2.120, 2.110, 2.101, 2.093]


def cut_down(rows: list[dict[str, str]], wanted: int, whole_groups: bool, rng) -> list[dict[str, str]]:
    rows = sorted(rows, key=lambda r: r["path"])
    if not whole_groups:
        return rng.sample(rows, min(wanted, len(rows)))
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    names = sorted(groups)
    rng.shuffle(names)
    kept: list[dict[str, str]] = []
    for name in names:
        if len(kept) + len(groups[name]) <= wanted:
            kept += groups[name]
    return kept


def split_manifest(source: pathlib.Path, out: pathlib.Path, seed: int, pool: int, test: int,
                   whole_groups: bool) -> None:
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
            for row in cut_down(sides[side], wanted, whole_groups, rng):
                path = (source.parent / row["path"]).resolve()
                writer.writerow([path, row["label"], row["group"], side])


def pool_size(manifest: pathlib.Path) -> int:
    with manifest.open(encoding="utf-8", newline="") as file:
        return sum(row["split"] == "pool" for row in csv.DictReader(file))


def slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")


def read_points(path: str) -> dict[tuple[str, int], list[tuple[int, float]]]:
    """Curves of a file that an earlier study wrote as curves.csv."""
    curves: dict[tuple[str, int], list[tuple[int, float]]] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            curves.setdefault((row["row"], int(row["seed"])), []).append(
                (int(row["labels"]), float(row["auc"])))
    return curves


def folder_of(arguments, name: str, seed: int) -> pathlib.Path:
    return arguments.out / f"seed{seed}" / slug(name)


def rounds_done(folder: pathlib.Path) -> int:
    """Rounds of a run that are in its curve; 0 without one."""
    return len(read_curve(folder)) if (folder / "curve.csv").is_file() else 0


def finished(arguments, name: str, seed: int) -> bool:
    return rounds_done(folder_of(arguments, name, seed)) == (1 if name == FULL else arguments.rounds)


def call(command: list[str], log: pathlib.Path) -> None:
    """Runs a program, its output behind the log's; raises RuntimeError when it fails."""
    with log.open("a", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}, see {log}")


def aift_run(program: pathlib.Path, folder: pathlib.Path, options: list[str]) -> None:
    """`aift run` into the folder, or on from where an earlier call was interrupted; log beside it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    begun = (folder / "state.json").is_file()
    call([str(program), "run", "--out", str(folder), *(["--resume"] if begun else options)],
         folder.parent / f"{folder.name}.log")


def run_all(jobs: int, work, tasks) -> int:
    """work(*task) of all tasks, so many at a time; prints what each says. Returns how many failed."""
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for job in concurrent.futures.as_completed([pool.submit(work, *task) for task in tasks]):
            try:
                print(job.result(), flush=True)
            except RuntimeError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    return failed


def run_one(arguments, name: str, seed: int) -> str:
    folder = folder_of(arguments, name, seed)
    if (name, seed) in arguments.earlier or finished(arguments, name, seed):
        return f"{folder}: finished before"
    manifest = arguments.out / f"seed{seed}" / "manifest.csv"
    selector, settings, options = ROWS["random" if name == FULL else name]
    budget, rounds = arguments.budget, arguments.rounds
    if name == FULL:
        budget, rounds = pool_size(manifest), 1
    command = ["--data", str(manifest), "--model", arguments.model, "--weights", "imagenet",
               "--selector", selector, "--first", "random", "--budget", str(budget),
               "--rounds", str(rounds), "--views", str(arguments.views),
               "--seed", str(seed), "--threads", str(arguments.threads)]
    for setting in settings:
        command += ["--set", setting]
    aift_run(arguments.program, folder, command + options + arguments.extra)
    return f"{folder}: done"


def read_curve(folder: pathlib.Path) -> list[tuple[int, float]]:
    with (folder / "curve.csv").open(encoding="utf-8", newline="") as file:
        return [(int(r["labels"]), float(r["auc"])) for r in csv.DictReader(file)]


def training_seconds(folder: pathlib.Path) -> float:
    with (folder / "times.csv").open(encoding="utf-8", newline="") as file:
        return sum(float(r["seconds_train"]) for r in csv.DictReader(file))


def area(curve: list[tuple[int, float]]) -> float:
    """Mean AUC over the label axis: trapezoids between the points, divided by their span."""
    total = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(curve, curve[1:]))
    return total / (curve[-1][0] - curve[0][0])


def labels_to_reach(curve: list[tuple[int, float]], target: float) -> float:
    """First number of labels at which the curve reaches the target; infinite when it never does."""
    if curve[0][1] >= target:
        return curve[0][0]
    for (n0, a0), (n1, a1) in zip(curve, curve[1:]):
        if a1 >= target:
            return n0 + (n1 - n0) * (target - a0) / (a1 - a0)
    return math.inf


def interval(values: list[float]) -> str:
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.4f}"
    half = T95[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:+.4f} [{mean - half:+.4f}, {mean + half:+.4f}]"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def summarise(arguments) -> str:
    curves, seconds, full = {}, {}, {}
    for seed in arguments.seeds:
        if finished(arguments, FULL, seed):
            full[seed] = read_curve(folder_of(arguments, FULL, seed))[-1]
        elif (FULL, seed) in arguments.earlier:
            full[seed] = arguments.earlier[FULL, seed][-1]
        for name in arguments.rows:
            if (name, seed) in arguments.earlier:
                curves[name, seed] = arguments.earlier[name, seed]
            if finished(arguments, name, seed):
                folder = folder_of(arguments, name, seed)
                curves[name, seed] = read_curve(folder)
                seconds[name, seed] = training_seconds(folder)
    with (arguments.out / "curves.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "seed", "labels", "auc"])
        for (name, seed), curve in curves.items():
            writer.writerows([name, seed, labels, auc] for labels, auc in curve)
        writer.writerows([FULL, seed, *point] for seed, point in full.items())
    if not curves:
        return "nothing is finished yet\n"

    labels = [n for n, _ in next(iter(curves.values()))]
    means, by_seed, records = [], [], []
    base = arguments.baseline
    for name in arguments.rows:
        seeds = [s for s in arguments.seeds if (name, s) in curves]
        if not seeds:
            continue
        mine = [curves[name, s] for s in seeds]
        areas = [area(curve) for curve in mine]
        points = [f"{statistics.fmean(curve[i][1] for curve in mine):.4f}"
                  for i in range(len(labels))]
        paired = [s for s in seeds if (base, s) in curves]
        differences = [area(curves[name, s]) - area(curves[base, s]) for s in paired]
        ends = [curves[name, s][-1][1] - curves[base, s][-1][1] for s in paired]
        compared = name != base and paired
        times = [seconds[name, s] for s in seeds if (name, s) in seconds]
        means.append([name, str(len(seeds)), *points, f"{statistics.fmean(areas):.4f}",
                      interval(differences) if compared else "",
                      interval(ends) if compared else "",
                      f"{statistics.fmean(times):.0f}" if times else ""])
        reached = {s: labels_to_reach(curves[name, s], full[s][1] - TOLERANCE)
                   for s in seeds if s in full}
        def shown(value: float) -> str:
            return f"> {labels[-1]}" if math.isinf(value) else f"{value:.0f}"
        median = shown(statistics.median_high(list(reached.values()))) if reached else ""
        by_seed.append([name] + [f"{area(curves[name, s]):.4f}" if s in seeds else ""
                                 for s in arguments.seeds] +
                       [shown(reached[s]) if s in reached else "" for s in arguments.seeds] + [median])
        records += [[name, s, area(curves[name, s]), curves[name, s][-1][1], reached.get(s, ""),
                     seconds.get((name, s), "")] for s in seeds]
    with (arguments.out / "summary.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "seed", "area", "final_auc", "labels_to_full_minus_0.02",
                         "seconds_train"])
        writer.writerows(records)
    text = table(["row", "seeds", *(str(n) for n in labels), "area", f"area minus {base} [95 %]",
                  f"last point minus {base} [95 %]", "training, s"], means) + "\n"
    text += table(["row", *(f"area, seed {s}" for s in arguments.seeds),
                   *(f"labels to full - {TOLERANCE}, seed {s}" for s in arguments.seeds), "median"],
                  by_seed)
    if full:
        text += "\nFull data: " + ", ".join(
            f"seed {s}: {auc:.4f} with {n} labels" for s, (n, auc) in full.items()) + ".\n"
    (arguments.out / "summary.md").write_text(text, encoding="utf-8")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=pathlib.Path("build/release/bin/aift"))
    parser.add_argument("--data", type=pathlib.Path, required=True, help="a manifest with groups")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=SELECTORS)
    parser.add_argument("--baseline", choices=ROWS, default="random")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--pool", type=int, default=600)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--whole-groups", action="store_true",
                        help="cut pool and test set down by whole groups, so that neighbouring frames of "
                             "a video stay together")
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="of one run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--earlier", type=read_points, default={}, metavar="CURVES.csv",
                        help="points of runs of the same protocol that are not repeated; their times "
                             "are not known")
    parser.add_argument("--summary", action="store_true", help="compare what is there, run nothing")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[],
                        help="further options of `aift run`, last")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    if not arguments.summary:
        for seed in arguments.seeds:
            manifest = arguments.out / f"seed{seed}" / "manifest.csv"
            if not manifest.is_file():
                split_manifest(arguments.data, manifest, seed, arguments.pool, arguments.test,
                               arguments.whole_groups)
        # Seed by seed, so that an unfinished study still compares whole seeds.
        failed = run_all(arguments.jobs, run_one,
                         [(arguments, name, seed) for seed in arguments.seeds
                          for name in [*arguments.rows, FULL]])
    print(summarise(arguments))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
