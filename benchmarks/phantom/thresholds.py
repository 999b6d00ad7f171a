#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far one threshold on colour or sharpness gets on a data set of two classes.

For every frame: mean, largest and standard deviation of red, green, blue, saturation, brightness, hue (as
its sine and cosine) and redness (r / (r + g + b)), and the sharpness (variance of the Laplacian). Each is
taken alone, in the direction that helps it, and its AUC over all frames is printed, best first. Exit
status 1 when one is above --limit: the data set would be solved by looking at colour or blur alone.

    aift phantom colonoscopy --out build/colon --size 128 --seed 1
    python3 benchmarks/phantom/thresholds.py build/colon --positive polyp --limit 0.7

Needs numpy and pillow.
"""
import argparse
import csv
import pathlib
import sys

import numpy as np
from PIL import Image


def features(path: pathlib.Path) -> dict[str, float]:
    rgb = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    high, low, total = rgb.max(-1), rgb.min(-1), rgb.sum(-1)
    angle = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    channels = {"red": red, "green": green, "blue": blue, "brightness": high,
                "saturation": (high - low) / np.maximum(high, 1), "sin hue": np.sin(angle),
                "cos hue": np.cos(angle), "redness": red / np.maximum(total, 1)}
    values = {}
    for name, channel in channels.items():
        values[f"mean {name}"] = channel.mean()
        values[f"largest {name}"] = channel.max()
        values[f"spread of {name}"] = channel.std()
    grey = rgb.mean(-1)
    laplacian = (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
                 - 4 * grey[1:-1, 1:-1])
    values["sharpness"] = laplacian.var()
    return values


def auc(values: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive has the larger value; ties count one half."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(values) - n)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path, help="folder with a manifest.csv")
    parser.add_argument("--positive", default="polyp", help="label of the positive class")
    parser.add_argument("--limit", type=float, default=0.7, help="largest AUC allowed (0.7)")
    arguments = parser.parse_args()
    with (arguments.data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    positive = np.array([row["label"] == arguments.positive for row in rows])
    if positive.all() or not positive.any():
        parser.error(f"both classes are needed; {positive.sum()} of {len(rows)} frames are "
                     f"{arguments.positive}.")
    table = [features(arguments.data / row["path"]) for row in rows]
    scores = ((name, auc(np.array([row[name] for row in table]), positive)) for name in table[0])
    found = sorted(((max(a, 1 - a), name) for name, a in scores), reverse=True)
    print(f"{len(rows)} frames, {positive.sum()} {arguments.positive}")
    for value, name in found[:8]:
        print(f"{value:.3f}  {name}")
    return 1 if found[0][0] > arguments.limit else 0


if __name__ == "__main__":
    sys.exit(main())
