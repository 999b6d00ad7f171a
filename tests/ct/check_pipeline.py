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


def read_npy(file):
    """Shape and values of a float32 array."""
    data = file.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode().strip())
    assert header["descr"] == "<f4" and not header["fortran_order"]
    body = data[10 + size:]
    return header["shape"], struct.unpack(f"<{len(body) // 4}f", body)


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

    froc = ["ct", "froc", "--data", data, "--scans", scans, "--replicates", 50]
    hits = [reachable(aift(*froc, "--hit-mm", mm)) for mm in (0, 2, 5)]
    check(0 < hits[0] <= hits[1] <= hits[2], f"emboli hit within 0, 2, 5 mm: {hits}")
    check(reachable(aift(*froc)) == hits[1], "the list, labelled within 2 mm, does not count as 2 mm")

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
    aift("ct", "froc", "--data", data, "--run", out, "--scans", scans, status=2, says=["give one of the two"])
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
        check(rows[9:] and rows[9]["hit"].startswith("in a voxel"), "the second call did not replace the first")
        aift("report", run, "--out", out / "report.html")
        html = (out / "report.html").read_text()
        for part in ("Detection (FROC)", "false positives per scan", "10 labels", "20 labels", "synthetic",
                     "in a voxel of the embolus, or within 2 mm of one", "data:image/jpeg"):
            check(part in html, f"the report does not say '{part}'")
        (run / "froc.csv").write_text("labels\n3\n")
        aift("report", run, "--out", out / "report.html", status=2, says=["froc.csv"])

for fault in faults:
    print(fault)
print(f"{len(faults)} faults")
sys.exit(1 if faults else 0)
