#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far plain thresholds get on generated CT angiograms, as candidate generator and as classifier.

    thresholds.py SCANS_CSV CANDIDATES_CSV [--most 40] [--hit-mm 2]

Generator: within the lungs (air below -500 HU that does not reach the sides of a slice, closed by
12 mm), pieces of voxels between 20 and 110 HU, the largest first, their centroids as candidates.
Classifier: the candidates of CANDIDATES_CSV ordered by one number each. Needs numpy, scipy, nibabel.
"""
import argparse
import csv
import pathlib

import nibabel
import numpy as np
from scipy import ndimage

parser = argparse.ArgumentParser()
parser.add_argument("scans", type=pathlib.Path)
parser.add_argument("candidates", type=pathlib.Path)
parser.add_argument("--most", type=int, default=40)
parser.add_argument("--hit-mm", type=float, default=2)
args = parser.parse_args()


def auc(scores, positive):
    scores, positive = np.asarray(scores), np.asarray(positive, bool)
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    for value in np.unique(scores):
        same = scores[order] == value
        ranks[order[same]] = np.flatnonzero(same).mean() + 1
    n = positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum())


found = emboli = marks = 0
for row in csv.DictReader(args.scans.open()):
    image = nibabel.load(args.scans.parent / row["volume"])
    hu = np.asanyarray(image.dataobj)
    spacing = image.header.get_zooms()[:3]
    truth = np.asanyarray(nibabel.load(args.scans.parent / row["truth"]).dataobj).astype(int)
    air, count = ndimage.label(hu < -500)
    sides = set(np.unique(np.concatenate([air[0].ravel(), air[-1].ravel(), air[:, 0].ravel(),
                                          air[:, -1].ravel()])))
    sizes = np.bincount(air.ravel())
    lungs = np.isin(air, [k for k in range(1, count + 1)
                          if k not in sides and sizes[k] * np.prod(spacing) > 1e5])
    reach = ndimage.distance_transform_edt(~lungs, spacing) < 6
    closed = ndimage.distance_transform_edt(reach, spacing) > 6
    dark, count = ndimage.label(closed & (hu > 20) & (hu < 110), np.ones((3, 3, 3)))
    sizes = np.bincount(dark.ravel(), minlength=count + 1)
    order = [k for k in np.argsort(-sizes[1:], kind="stable")[:args.most] + 1 if sizes[k] >= 4]
    places = ndimage.center_of_mass(dark > 0, dark, order) if order else []
    marks += len(order)
    total = int(truth.max())
    emboli += total
    for embolus in range(1, total + 1):
        voxels = np.argwhere(truth == embolus) * spacing
        hit = any(np.linalg.norm(voxels - np.array(p) * spacing, axis=1).min() <= args.hit_mm
                  for p in places)
        found += hit
print(f"threshold as generator: sensitivity {found / emboli:.3f} ({found} of {emboli}), {marks} marks")

rows = list(csv.DictReader(args.candidates.open()))
positive = [r["label"] == "embolus" for r in rows]
for name, score in (("mean HU, darker first", [-float(r["mean_hu"]) for r in rows]),
                    ("mean HU, nearest to 55", [-abs(float(r["mean_hu"]) - 55) for r in rows]),
                    ("volume, larger first", [float(r["volume_mm3"]) for r in rows]),
                    ("score of the generator", [float(r["score"]) for r in rows])):
    print(f"as classifier, {name}: AUC {auc(score, positive):.3f}")
