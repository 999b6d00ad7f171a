#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From generated scans to a report, by the program's commands; and what they say to bad input.

    check_pipeline.py PROGRAM

Needs Python's own library. Without LibTorch in PROGRAM the run and its report are left out.
"""
import ast
import csv
import pathlib
import struct
import subprocess
import sys
import tempfile

program = sys.argv[1]
faults = []


def check(holds, what):
    if not holds:
        faults.append(what)


def aift(*arguments, status=0, says=()):
    run = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    told = run.stdout + run.stderr
    if run.returncode != status or any(part not in told for part in says):
        faults.append(f"aift {' '.join(map(str, arguments))}: expected status {status} and {says}; got "
                      f"{run.returncode} and:\n{told[-2000:]}")
    return run.stdout


def rows_of(file):
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def read_npy(file, kind="f"):
    """Shape and values of an array of float32 ("f") or int32 ("i")."""
    data = file.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode().strip())
    assert header["descr"] == f"<{kind}4" and not header["fortran_order"]
    body = data[10 + size:]
    return header["shape"], struct.unpack(f"<{len(body) // 4}{kind}", body)


class Scan:
    """HU at positions of a volume whose axes are those of the world, by what `aift ct info` says."""

    def __init__(self, volume, folder):
        facts = aift("ct", "info", volume, "--npy", folder / "v.npy")
        facts = {line[:12].strip(): line[12:] for line in facts.splitlines()}
        axes = [float(x) for a in "xyz" for x in facts[f"axis {a}"].split()]
        assert axes == [1, 0, 0, 0, 1, 0, 0, 0, 1], axes
        self.spacing = [float(x) for x in facts["spacing mm"].split()]
        self.origin = [float(x) for x in facts["origin LPS"].split()]
        (self.depth, self.rows, self.columns), self.voxels = read_npy(folder / "v.npy", "i")

    def at(self, position):
        index = [(p - o) / s for p, o, s in zip(position, self.origin, self.spacing)]
        low = [int(i) for i in index]
        hu = 0
        for corner in range(8):
            weight, cell = 1, [0, 0, 0]
            for a in range(3):
                part = index[a] - low[a]
                cell[a] = low[a] + (corner >> a & 1)
                weight *= part if corner >> a & 1 else 1 - part
            hu += weight * self.voxels[(cell[2] * self.rows + cell[1]) * self.columns + cell[0]]
        return hu


def reachable(text):
    """`N scans, N emboli, N of them have a candidate; ...`"""
    return int(text.splitlines()[0].split(", ")[2].split()[0])


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder)
    scans = out / "scans" / "scans.csv"
    aift("phantom", "ctpa", "--scans", 3, "--size", 128, "--thickness", 3, "--with-emboli", 1, "--seed",
         2, "--test-share", 0.4, "--out", out / "scans", says=["3 synthetic scans"])
    data = out / "candidates.csv"
    aift("ct", "candidates", "--scans", scans, "--set", "max_candidates=12", "--out", data,
         says=["sensitivity"])
    listed = rows_of(data)
    check(0 < len(listed) <= 36, f"{len(listed)} candidates where at most 36 may be")
    check((out / "SYNTHETIC").is_file(), "the list of candidates does not say that it is synthetic")

    aift("ct", "patches", "--data", data, "--out", out / "p.png", "--npy", out / "p.npy", "--channels", 3,
         "--patches", 2, "--size", 16, "--rows", 4)
    shape, values = read_npy(out / "p.npy")
    check(shape == (len(listed), 2, 3, 16, 16), f"patches have the shape {shape}")
    check(min(values) >= 0 and 100 < max(values) <= 255, f"pixels lie in {min(values)}..{max(values)}")
    check((out / "p.png").read_bytes()[:4] == b"\x89PNG", "the sheet of patches is no PNG")

    # a patch of one pixel is the scan at the candidate's place: levels -250 to 450 HU are 0 to 255
    aift("ct", "patches", "--data", data, "--npy", out / "one.npy", "--patches", 1, "--size", 1)
    shape, values = read_npy(out / "one.npy")
    check(shape == (len(listed), 1, 2, 1, 1), f"patches of one pixel have the shape {shape}")
    volumes = {row["volume"] for row in listed}
    seen = {name: Scan(out / name, out) for name in volumes}
    for i, row in enumerate(listed):
        hu = seen[row["volume"]].at([float(row[a]) for a in "xyz"])
        wanted = 255 * min(max((hu + 250) / 700, 0), 1)
        check(max(abs(v - wanted) for v in values[2 * i:2 * i + 2]) < 0.05,
              f"candidate {i}: {values[2 * i:2 * i + 2]} where the scan gives {wanted}")

    froc = ["ct", "froc", "--data", data, "--scans", scans, "--replicates", 50]
    hits = [reachable(aift(*froc, "--hit-mm", mm)) for mm in (0, 2, 5)]
    check(0 < hits[0] <= hits[1] <= hits[2], f"emboli hit within 0, 2, 5 mm: {hits}")
    check(reachable(aift(*froc)) == hits[1], "the list, labelled within 2 mm, does not count as 2 mm")

    blank = out / "blank.csv"  # of no embolus; the truth has to say which is hit
    with blank.open("w", newline="") as text:
        writer = csv.DictWriter(text, listed[0])
        writer.writeheader()
        writer.writerows({**row, "embolus_id": ""} for row in listed)
    asked = aift("ct", "froc", "--data", blank, *froc[4:], "--hit-mm", 2)
    check(asked == aift(*froc), "the truth, asked again, says something else than the list")
    aift("ct", "candidates", out / "no-1", out / "no-2", "--out", out / "none.csv", status=2,
         says=["None of the 2 scans"])
    check(not (out / "none.csv").exists(), "a list of no scan was written")
    aift("ct", "patches", "--data", data, "--npy", out / "x.npy", "--patches", 10**11, status=2,
         says=["[1, 1000]"])

    text = data.read_text()
    head, first, rest = text.split("\n", 2)
    cells = dict(zip(head.split(","), first.split(",")))

    def changed(**what):
        bad = out / "bad.csv"
        bad.write_text("\n".join([head, ",".join({**cells, **what}.values()), rest]))
        return ["ct", "patches", "--data", bad, "--out", out / "bad.png"]

    aift(*changed(x="nan"), status=2, says=["aift: ", "x"])
    aift(*changed(x="1e6"), status=2, says=["outside", cells["candidate_id"]])
    aift(*changed(volume="scans/nifti/none.nii.gz"), status=2, says=["none.nii.gz"])
    cut = out / "cut.nii.gz"
    whole = next((out / "scans" / "nifti").glob("*.nii.gz")).read_bytes()
    cut.write_bytes(whole[:len(whole) // 3])
    aift("ct", "candidates", cut, "--out", out / "none.csv", status=2, says=["cut.nii.gz"])
    check(not (out / "none.csv").exists(), "a list without a scan was written")
    good = out / "scans" / "nifti" / "scan-001.nii.gz"
    aift("ct", "candidates", cut, good, "--out", out / "some.csv", status=2,
         says=["left out: ", "cut.nii.gz is cut short", "1 of 2 scans could not be read"])
    check({row["volume"] for row in rows_of(out / "some.csv")} == {"scans/nifti/scan-001.nii.gz"},
          "beside a scan that cannot be read the other one is not in the list")
    aift("ct", "froc", "--data", data, "--run", out, "--scans", scans, status=2,
         says=["give one of the two"])
    aift("ct", "froc", "--run", out, "--scans", scans, status=2, says=["config.toml"])
    aift("ct", "froc", "--data", data, "--scans", scans, "--hit-mm", -1, status=2, says=["-1"])
    aift("ct", "patches", "--data", data, status=2, says=["--out"])

    if subprocess.run([program, "models"], capture_output=True).returncode == 0:
        run = out / "run"
        small = ["--weights", "none", "--input-size", 32, "--views", 2, "--test-views", 1, "--budget", 10,
                 "--threads", 1, "--train", "steps=2", "--train", "views=1", "--train", "probe_folds=2",
                 "--train", "frozen_stages=17", "--train", "guard=off", "--seed", 3]
        aift("run", "--data", data, "--classes", "other,embolus", *small, "--rounds", 1, "--out", run)
        noted = ["ct", "froc", "--run", run, "--scans", scans, "--replicates", 50]
        printed = aift(*noted)
        given = [*froc, "--predictions", run / "predictions.csv"]
        check(printed == aift(*given), "--run counts otherwise than --data and --predictions")
        kept = (run / "predictions.csv").read_text()
        stale = []  # of a round that did not end: not the model that is told about
        for row in rows_of(run / "predictions.csv"):
            if row["split"] == "test":
                stale.append(",".join({**row, "round": "7", "p:other": row["p:embolus"],
                                       "p:embolus": row["p:other"]}.values()))
        (run / "predictions.csv").write_text(kept + "\n".join(stale) + "\n")
        check(printed == aift(*noted), "predictions of another round are counted")
        (run / "predictions.csv").write_text(kept)
        aift("run", "--resume", "--rounds", 2, "--out", run)
        aift(*noted)
        aift(*noted, "--hit-mm", 2)  # takes the place of the one before
        rows = rows_of(run / "froc.csv") if (run / "froc.csv").is_file() else []
        check([(r["labels"], r["measure"]) for r in rows] ==
              [(n, m) for n in ("10", "20") for m in ("auc", "0.125", "0.25", "0.5", "1", "2", "4", "8",
                                                    "mean")],
              f"froc.csv holds {[(r['labels'], r['measure']) for r in rows]}")
        shown = {line[:34].strip(): line[34:].split()[0] for line in printed.splitlines()[1:]}
        for row in rows[:9]:
            what = {"auc": "candidate AUC", "mean": "mean of the seven"}.get(
                row["measure"], f"sensitivity at {row['measure']} FP per scan")
            check(f"{float(row['value']):.3f}" == shown[what], f"{what}: {row['value']}, {shown[what]}")
        check(rows[9:] and rows[9]["hit"].startswith("in a voxel"),
              "the second call did not replace the first")
        aift("report", run, "--out", out / "report.html")
        html = (out / "report.html").read_text()
        for part in ("Detection (FROC)", "false positives per scan", "10 labels", "20 labels",
                     "synthetic", "in a voxel of the embolus, or within 2 mm of one", "data:image/jpeg",
                     "class='pick sheet'", "width='396'", ">1/8<", "class='band'"):
            check(part in html, f"the report does not say '{part}'")
        (run / "froc.csv").write_text("labels\n3\n")
        aift("report", run, "--out", out / "report.html", status=2, says=["froc.csv"])

for fault in faults:
    print(fault)
print(f"{len(faults)} faults")
sys.exit(1 if faults else 0)
