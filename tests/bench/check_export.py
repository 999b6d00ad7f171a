#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/export_task.py digits: what it writes is a task that `aift bench` runs, the same each time."""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile


def check(holds, what, *detail):
    if not holds:
        sys.exit(f"check_export: {what} {' '.join(str(d) for d in detail)}")


def export(root, out, *options):
    return subprocess.run([sys.executable, root / "scripts" / "export_task.py", "digits", "--out", out,
                           *options], capture_output=True, text=True, check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("program", nargs="?")
    arguments = parser.parse_args()
    try:
        import numpy as np
        import PIL  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        print(f"SKIPPED: the Python package {error.name} is not installed")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        done = export(arguments.root, folder / "a", "--views", "2")
        check(done.returncode == 0, "failed:", done.stderr)
        features = np.load(folder / "a" / "features.npy")
        check(features.shape == (1797, 2, 64) and features.dtype == np.float32, "features are",
              features.shape, features.dtype)
        with open(folder / "a" / "candidates.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        check(len(rows) == 1797 and len({row["label"] for row in rows}) == 10, "labels are wrong")
        from sklearn.datasets import load_digits
        data = load_digits()
        check(np.allclose(features[:, 0], data.data / 16), "view 0 is not the image itself")
        moved = np.abs(features[:, 1] - features[:, 0]).mean(1)
        check((moved > 0).all() and moved.mean() < 0.2, "the views do not differ as views do", moved.mean())
        check(rows[0]["label"] == f"digit {data.target[0]}", "labels and images are not in one order")
        export(arguments.root, folder / "b", "--views", "2")
        for file in ("features.npy", "candidates.csv"):
            check((folder / "a" / file).read_bytes() == (folder / "b" / file).read_bytes(),
                  file, "differs from run to run")
        done = export(arguments.root, folder / "c", "--views", "1", "--components", "16")
        check(done.returncode == 0 and np.load(folder / "c" / "features.npy").shape == (1797, 1, 16),
              "principal components fail:", done.stderr)
        check(export(arguments.root, folder / "d", "--views", "0").returncode == 2, "takes 0 views")
        if arguments.program:
            (folder / "plan.toml").write_text(
                'seeds = 1\nrounds = 1\nl2 = 0.1\nselectors = ["random"]\n[[tasks]]\nname = "digits"\n'
                'features = "a/features.npy"\ncandidates = "a/candidates.csv"\npool = 300\ntest = 200\n')
            subprocess.run([arguments.program, "bench", folder / "plan.toml", "--out", folder / "out"],
                           check=True, stderr=subprocess.DEVNULL)
            result = json.loads((folder / "out" / "summary.json").read_text())["tasks"][0]
            check(result["results"][0]["last"]["mean"] > 0.75, "the digits cannot be learnt", result)
    print("The exported digits are a task.")


if __name__ == "__main__":
    main()
