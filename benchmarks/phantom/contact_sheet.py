#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts frames of a data set side by side: the first row shows consecutive frames of one video, the
others one frame per video, those of the positive class first.

    python3 benchmarks/phantom/contact_sheet.py build/colon --positive polyp --out sheet.jpg

Needs pillow.
"""
import argparse
import csv
import pathlib

from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder with manifest.csv")
    parser.add_argument("--positive", required=True, help="label of the positive class")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--size", type=int, default=128, help="pixels of a picture")
    arguments = parser.parse_args()

    with (arguments.data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        frames = list(csv.DictReader(file))
    videos: dict[str, list[dict[str, str]]] = {}
    for frame in frames:
        videos.setdefault(frame["group"], []).append(frame)
    positives = [next(f for f in video if f["label"] == arguments.positive) for video in videos.values()
                 if any(f["label"] == arguments.positive for f in video)]
    others = [video[len(video) // 2] for video in videos.values()
              if not any(f["label"] == arguments.positive for f in video)]
    wanted = arguments.columns * arguments.rows
    half = (wanted - arguments.columns) // 2
    chosen = next(iter(videos.values()))[:arguments.columns] + positives[:half]
    chosen += others[:wanted - len(chosen)]

    sheet = Image.new("RGB", (arguments.columns * arguments.size, arguments.rows * arguments.size))
    for n, frame in enumerate(chosen):
        picture = Image.open(arguments.data / frame["path"]).convert("RGB")
        picture = picture.resize((arguments.size, arguments.size), Image.Resampling.LANCZOS)
        sheet.paste(picture, (n % arguments.columns * arguments.size, n // arguments.columns * arguments.size))
    sheet.save(arguments.out, quality=80)
    print(f"{len(chosen)} pictures: {arguments.out}")


if __name__ == "__main__":
    main()
