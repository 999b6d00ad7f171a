#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of 20,000 frames through `aift run`: time per round, memory, progress, Ctrl-C, resume.

Makes synthetic frames (small JPEG pictures in videos of 100 frames; one tenth of the videos is the
test set), then runs the program three times with batch rules: on a tenth of the frames, on all of
them, and on all of them interrupted by Ctrl-C (SIGINT) while it scores the pool, and resumed.
Prints a table; exits with 1 when the resumed run's curve.csv or picks.csv differ by a byte.

    python3 benchmarks/loop/scale.py --program build/release/bin/aift --work build/scale

Needs Python 3.11 with NumPy and Pillow (scripts/requirements.txt).
"""
import argparse
import csv
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

FRAMES_PER_VIDEO = 100
SIZE = 128


def make_frames(folder: pathlib.Path, frames: int) -> None:
    """Videos of drifting blobs; in every second video a bright spot is in view: class `spot`."""
    import numpy
    from PIL import Image

    rng = numpy.random.default_rng(5)
    grid_y, grid_x = numpy.mgrid[0:SIZE, 0:SIZE].astype(numpy.float32)
    folder.mkdir(parents=True)
    rows = []
    for video in range(frames // FRAMES_PER_VIDEO):
        spot = video % 2 == 1
        name = f"video_{video:04}"
        (folder / name).mkdir()
        phase, speed = rng.uniform(0, 6, 3), rng.uniform(0.02, 0.1, 3)
        split = "test" if video % 10 in (4, 9) and video // 10 % 2 == 0 else "pool"
        for frame in range(FRAMES_PER_VIDEO):
            waves = [numpy.sin(grid_x / 17 + p + s * frame) + numpy.cos(grid_y / 23 + p * s * frame)
                     for p, s in zip(phase, speed)]
            picture = numpy.stack([110 + 25 * w for w in waves], axis=-1)
            if spot:
                x, y = 40 + 20 * numpy.sin(0.05 * frame + phase[0]), 64 + 0.3 * frame
                near = numpy.exp(-((grid_x - x) ** 2 + (grid_y - y) ** 2) / 150)
                picture += near[..., None] * numpy.array([70, 50, 40])
            picture += rng.normal(0, 6, (SIZE, SIZE, 1))
            path = f"{name}/frame_{frame:03}.jpg"
            Image.fromarray(numpy.clip(picture, 0, 255).astype(numpy.uint8)).save(
                folder / path, quality=85)
            rows.append([path, "spot" if spot else "clear", name, split, frame])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["path", "label", "group", "split", "frame"], *rows])


class Run:
    """One `aift run`: seconds, peak memory of the process, lines on stderr."""

    def __init__(self, command: list[str], log: pathlib.Path, interrupt_when=None):
        began = time.monotonic()
        self.lines: list[str] = []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        reader = threading.Thread(target=self._read, args=(process, interrupt_when))
        reader.start()
        output = process.stdout.read()
        reader.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - began
        self.status = process.returncode
        self.peak_mib = usage.ru_maxrss / 1024
        log.write_text(output + "\n" + "".join(self.lines))

    def _read(self, process: subprocess.Popen, interrupt_when) -> None:
        self.answered_after = None
        sent = None
        for line in process.stderr:
            self.lines.append(line)
            if interrupt_when is not None and sent is None and interrupt_when(line):
                sent = time.monotonic()
                process.send_signal(signal.SIGINT)
        if sent is not None:
            self.answered_after = time.monotonic() - sent


def rounds_of(folder: pathlib.Path) -> list[dict[str, str]]:
    with (folder / "times.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the aift program")
    parser.add_argument("--work", required=True, type=pathlib.Path,
                        help="folder for frames and runs; frames that are there are used again")
    parser.add_argument("--frames", type=int, default=20000)
    parser.add_argument("--input-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one-core", action="store_true", help="keep to one processor")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    counts = [options.frames // 10, options.frames]
    for count in counts:
        folder = options.work / f"frames_{count}"
        if not (folder / "manifest.csv").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make_frames(folder, count)

    def command(count: int, out: pathlib.Path) -> list[str]:
        return [options.program, "run", "--data", str(options.work / f"frames_{count}"),
                "--synthetic", "--model", "efficientnet_lite0", "--weights", "imagenet",
                "--input-size", str(options.input_size), "--views", "2", "--selector", "entropy",
                "--set", "alpha=1", "--budget", "20", "--rounds", str(options.rounds),
                "--seed", "1", "--threads", str(options.threads), "--min-gap", "25",
                "--max-per-group", "2", "--train", "steps=20", "--out", str(out)]

    results = {}
    for name, count in (("tenth", counts[0]), ("whole", counts[1])):
        out = options.work / f"run_{name}"
        shutil.rmtree(out, ignore_errors=True)
        run = Run(command(count, out), options.work / f"{name}.log")
        if run.status != 0:
            print(f"aift run on {count} frames ended with {run.status}; see {name}.log",
                  file=sys.stderr)
            return 1
        results[name] = (count, run, rounds_of(out))

    out = options.work / "run_interrupted"
    shutil.rmtree(out, ignore_errors=True)
    scoring = f"round 2 of 0 to {options.rounds - 1}: score"
    first = Run(command(counts[1], out), options.work / "interrupted.log",
                lambda line: scoring in line and "left" in line)
    second = Run([options.program, "run", "--resume", "--out", str(out)],
                 options.work / "resumed.log")
    same = all((out / name).read_bytes() == (options.work / "run_whole" / name).read_bytes()
               for name in ("curve.csv", "picks.csv"))

    print(f"{options.input_size} px, 2 views, {options.threads} thread(s) of the network, 1 that "
          f"decodes{', on one core' if options.one_core else ''}; synthetic frames\n")
    print("| frames | round | score, s | train, s | test, s | peak memory, MiB |")
    print("|---|---|---|---|---|---|")
    for count, run, rounds in results.values():
        for r in rounds:
            print(f"| {count:,} | {r['round']} | {float(r['seconds_score']):.1f} | "
                  f"{float(r['seconds_train']):.1f} | {float(r['seconds_test']):.1f} | "
                  f"{run.peak_mib:.0f} |")
    whole = results["whole"][1]
    progress = [line for line in whole.lines if "/" in line and ": " in line]
    print(f"\nwhole run: {whole.seconds:.0f} s, {len(progress)} lines of progress, e.g. "
          f"`{progress[len(progress) // 2].strip()}`")
    print(f"Ctrl-C while round 2 is scored: exit {first.status}, "
          f"{first.answered_after if first.answered_after is not None else float('nan'):.2f} s "
          f"later; resumed: exit {second.status}, {second.seconds:.0f} s; "
          f"curve.csv and picks.csv {'equal' if same else 'DIFFER'}")
    return 0 if same and first.status == 130 and second.status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
