#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden sets of this folder: python3 generate.py (standard library only, deterministic).

Random inputs and hand-made edge cases of our own. Expected values are the definitions of DESIGN section
5 evaluated pair by pair in decimal arithmetic with 60 digits, then rounded to double once.
"""
import json
import random
import struct
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 60
EPS = 2.0 ** -52
ALPHAS = ["0.25", "0.5", "1"]
CLOSE = 1e-9


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def softmax(row):
    top = max(row)
    e = [(x - top).exp() for x in row]
    total = sum(e)
    return [x / total for x in e]


def logs(P, Z):
    """L of every patch: ln(p + eps), or the logarithm of the softmax."""
    if Z is None:
        return [[(p + Decimal(EPS)).ln() for p in row] for row in P]
    out = []
    for row in Z:
        top = max(row)
        lse = top + sum((x - top).exp() for x in row).ln()
        out.append([x - lse for x in row])
    return out


def n_keep(q, alpha):
    return min(q, max(1, int(alpha * q + 0.5)))


def expected(rows, kind, with_matrix):
    Z = [[Decimal(x) for x in row] for row in rows] if kind == "logits" else None
    P = [softmax(row) for row in Z] if Z else [[Decimal(x) for x in row] for row in rows]
    L = logs(P, Z)
    q, K = len(P), len(P[0])
    e = [-sum(p * l for p, l in zip(P[j], L[j])) for j in range(q)]
    R = [[e[j] if j == l else sum((P[j][k] - P[l][k]) * (L[j][k] - L[l][k]) for k in range(K))
          for l in range(q)] for j in range(q)]
    means = [sum(P[j][k] for j in range(q)) / q for k in range(K)]
    c = max(range(K), key=lambda k: (means[k], -k))
    ranked = sorted(means, reverse=True)
    result = {"patch_entropy": [float(x) for x in e], "dominant_gap": float(ranked[0] - ranked[1]),
              "alpha": {}}
    order = sorted(range(q), key=lambda j: (-P[j][c], j))
    for text in ALPHAS:
        m = n_keep(q, float(text))
        kept = order[:m]
        mean = [sum(P[j][k] for j in kept) / m for k in range(K)]
        top = sorted(mean, reverse=True)
        entropy = sum(e[j] for j in kept)
        diversity = sum(R[j][l] for j in kept for l in kept if j != l)
        inside = (lambda x: (x + Decimal(EPS)).ln()) if Z is None else (lambda x: x.ln())
        bald = -sum(x * inside(x) for x in mean) - entropy / m
        result["alpha"][text] = {
            "dominant": c, "kept": kept,
            "boundary_gap": float(P[order[m - 1]][c] - P[order[m]][c]) if m < q else None,
            "entropy": float(entropy), "diversity": float(diversity),
            "entropy_diversity": float(entropy + diversity),
            "least_confidence": float(1 - top[0]), "margin": float(1 - (top[0] - top[1])),
            "bald": float(bald)}
    if with_matrix:
        result["R"] = [[float(x) for x in row] for row in R]
    return result


def write(name, note, kind, K, candidates, labels, with_matrix, dtype="float64"):
    want = [expected(rows, kind, with_matrix) for rows in candidates]
    ranking = {}
    for alpha in ALPHAS:
        ranking[alpha] = {}
        for score in ("entropy", "diversity", "entropy_diversity", "least_confidence", "margin", "bald"):
            x = [w["alpha"][alpha][score] for w in want]
            order = sorted(range(len(x)), key=lambda i: (-x[i], i))
            scale = max(max(map(abs, x)), 1e-3)
            close = [r for r in range(len(x) - 1)
                     if abs(x[order[r]] - x[order[r + 1]]) <= CLOSE * scale]
            ranking[alpha][score] = {"order": order, "close_after": close}
    data = {"format": 1, "set": name, "note": note, "kind": kind, "K": K, "dtype": dtype, "eps": EPS,
            "q": [len(c) for c in candidates], "candidates": len(candidates), "labels": labels,
            "probs": [row for c in candidates for row in c], "expected": want, "ranking": ranking}
    text = json.dumps(data, separators=(",", ":"))
    (Path(__file__).parent / f"{name}.json").write_text(text + "\n")


def random_probs(rng, q, K, sharpness):
    rows = []
    for _ in range(q):
        row = softmax([Decimal(rng.gauss(0, sharpness)) for _ in range(K)])
        rows.append([float(x) for x in row])
    return rows


def main():
    rng = random.Random(20240611)
    for K, count in ((2, 20), (3, 16), (10, 10)):
        candidates = [random_probs(rng, rng.choice([1, 2, 3, 5, 8, 11, 17]), K, rng.choice([0.3, 1, 4]))
                      for _ in range(count)]
        write(f"random_k{K}", "random softmax rows, ragged", "probabilities", K, candidates, None, K < 10)
    candidates = [[[float32(rng.gauss(0, s) + shift) for _ in range(5)] for _ in range(q)]
                  for q, s, shift in ((1, 1, 0), (3, 2, 0), (7, 0.5, 300), (9, 5, -300), (12, 1, 0.25),
                                      (4, 12, 0), (6, 3, 1e4), (11, 1e-3, 0))]
    write("logits_k5", "logits with common offsets, float32 values", "logits", 5, candidates, None, False,
          "float32")

    near = []
    labels = []
    for noise in (1e-3, 1e-4):
        for q in (2, 9, 24):
            z = [Decimal(rng.gauss(0, 1)) for _ in range(3)]
            near.append([[float(x) for x in softmax([c + Decimal(rng.gauss(0, noise)) for c in z])]
                         for _ in range(q)])
            labels.append(f"nearly agreeing patches, logit noise {noise}")
    write("near_k3", "patches that nearly agree", "probabilities", 3, near, labels, False)

    edge = [
        ("one certain patch", [[1.0, 0.0]]),
        ("equal patches", [[0.25, 0.75]] * 6),
        ("certain, both classes, tie of the classes", [[1.0, 0.0], [0.0, 1.0]]),
        ("certain, three against one", [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
        ("six against three", [[0.09375, 0.90625]] * 2 + [[0.90625, 0.09375]] + [[0.09375, 0.90625]] * 3
         + [[0.90625, 0.09375]] * 2 + [[0.09375, 0.90625]]),
        ("ties at the border of the kept patches", [[0.5, 0.5], [0.25, 0.75], [0.25, 0.75], [0.25, 0.75]]),
        ("a row that sums to 1.0005", [[0.5, 0.5005], [0.25, 0.75]]),
        ("tiny probabilities", [[1.0 - 2.0 ** -40, 2.0 ** -40], [1.0, 5e-324], [1.0, 1e-310]]),
        ("steps of 2^-40", [[0.5 + j * 2.0 ** -40, 0.5 - j * 2.0 ** -40] for j in range(8)]),
    ]
    write("edge_k2", "hand-made edge cases", "probabilities", 2, [rows for _, rows in edge],
          [label for label, _ in edge], True)


if __name__ == "__main__":
    main()
