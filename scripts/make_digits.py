#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes scikit-learn's handwritten digits as pictures with a manifest.

Data for a first try where no images are at hand: 1,797 pictures of 8 x 8 grey values, enlarged, in
ten classes. Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI
Machine Learning Repository (CC BY 4.0), as shipped with scikit-learn.

    make_digits.py --out build/digits          writes build/digits/manifest.csv and the pictures
"""

import argparse
import csv
import os
import pathlib
import shutil
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to be made")
    parser.add_argument("--size", type=int, default=64, help="edge of a picture in pixels (64)")
    arguments = parser.parse_args()
    if arguments.size < 8:
        parser.error(f"--size must be at least 8; got {arguments.size}.")
    if (arguments.out / "manifest.csv").is_file():
        return 0
    if arguments.out.exists():
        parser.error(f"{arguments.out} is there already and is not a folder of digits; "
                     "name another folder with --out.")

    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    part = arguments.out.with_name(f"{arguments.out.name}.part{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with open(part / "manifest.csv", "w", newline="", encoding="utf-8") as manifest:
        rows = csv.writer(manifest, lineterminator="\n")
        rows.writerow(["path", "label"])
        for index, (values, label) in enumerate(zip(digits.images, digits.target)):
            folder = f"digit_{label}"
            (part / folder).mkdir(exist_ok=True)
            grey = np.rint(values * (255.0 / 16.0)).astype(np.uint8)
            size = (arguments.size, arguments.size)
            name = f"{folder}/{index:04d}.png"
            Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC).save(part / name)
            rows.writerow([name, folder])
    part.rename(arguments.out)  # all or nothing
    print(f"{len(digits.target)} pictures in {arguments.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
