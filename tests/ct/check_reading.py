#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads volumes with aift and with pydicom, nibabel and SimpleITK, and compares every voxel and the
geometry (1e-6); and checks that files that are no CT volume are refused with the reason.

    check_reading.py PROGRAM FOLDER

FOLDER holds files for trying out readers (ct-io-fixtures). Needs numpy, pydicom with pylibjpeg and
pylibjpeg-openjpeg, nibabel, SimpleITK (scripts/requirements.txt); prints SKIPPED without them.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import nibabel
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    import openjpeg  # noqa: F401  pydicom's JPEG 2000
except ImportError as missing:
    print(f"SKIPPED: {missing}; scripts/bootstrap installs it")
    sys.exit(0)

program, root = sys.argv[1], pathlib.Path(sys.argv[2])
if not root.is_dir():
    print(f"SKIPPED: {root} is not there")
    sys.exit(0)
faults = []
compared = 0


def aift(path, folder):
    npy = pathlib.Path(folder) / "v.npy"
    run = subprocess.run([program, "ct", "info", str(path), "--npy", str(npy)],
                         capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    facts = {}
    for line in run.stdout.splitlines():
        facts[line[:12].strip()] = line[12:]
    vector = lambda key: np.array([float(x) for x in facts[key].split()])
    return (np.load(npy), vector("spacing mm"), vector("origin LPS"),
            np.stack([vector("axis x"), vector("axis y"), vector("axis z")]))


def compare(name, mine, voxels, spacing, origin, axes):
    global compared
    compared += 1
    if mine[0].shape != voxels.shape or not np.array_equal(mine[0], voxels):
        faults.append(f"{name}: voxels differ")
    for what, a, b in (("spacing", mine[1], spacing), ("origin", mine[2], origin),
                       ("axes", mine[3], axes)):
        worst = np.abs(np.asarray(a) - np.asarray(b)).max()
        if not worst <= 1e-6:
            faults.append(f"{name}: {what} differs by {worst}")


def by_pydicom(folder):
    slices = sorted((pydicom.dcmread(f) for f in folder.glob("*.dcm")),
                    key=lambda d: float(d.ImagePositionPatient[2]))
    voxels = np.stack([np.round(d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept))
                       for d in slices]).astype(int)
    first, last = slices[0], slices[-1]
    position = lambda d: np.array([float(x) for x in d.ImagePositionPatient])
    step = (position(last) - position(first)) / (len(slices) - 1)
    rows = [float(x) for x in first.ImageOrientationPatient]
    axes = np.stack([rows[:3], rows[3:], step / np.linalg.norm(step)])
    spacing = [float(first.PixelSpacing[1]), float(first.PixelSpacing[0]), np.linalg.norm(step)]
    return voxels, spacing, position(first), axes


def by_sitk(path):
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    return (sitk.GetArrayFromImage(image).astype(int), image.GetSpacing(), image.GetOrigin(),
            np.array(image.GetDirection()).reshape(3, 3).T)


def by_nibabel(path):
    image = nibabel.load(path)
    voxels = np.round(np.asanyarray(image.dataobj)).astype(int).transpose(2, 1, 0)
    affine = np.diag([-1, -1, 1, 1]) @ image.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return voxels, spacing, affine[:3, 3], (affine[:3, :3] / spacing).T


with tempfile.TemporaryDirectory() as folder:
    for path in (root / "dicom-j2k", root / "dicom-explicit-le"):
        mine = aift(path, folder)
        compare(f"{path.name} by pydicom", mine, *by_pydicom(path))
        compare(f"{path.name} by SimpleITK", mine, *by_sitk(path))
    for path in sorted((root / "nifti").glob("*.nii.gz")):
        mine = aift(path, folder)
        compare(f"{path.name} by nibabel", mine, *by_nibabel(path))
        compare(f"{path.name} by SimpleITK", mine, *by_sitk(path))
    for path in sorted((root / "metaimage").glob("*.mh[ad]")):
        compare(f"{path.name} by SimpleITK", aift(path, folder), *by_sitk(path))

    reasons = {
        "CT_small.dcm": "is one slice", "MR_small.dcm": "it is MR", "MR_small_RLE.dcm": "it is MR",
        "MR_small_bigendian.dcm": "it is MR", "MR_small_implicit.dcm": "it is MR",
        "MR_small_padded.dcm": "it is MR", "MR_truncated.dcm": "ends within",
        "JPEG-lossy.dcm": "it is NM", "JPEG2000.dcm": "it is NM", "JPGExtended.dcm": "it is NM",
        "SC_rgb_rle.dcm": "it is OT", "SC_rgb_small_odd.dcm": "it is OT",
        "ExplVR_BigEnd.dcm": "it is US", "examples_palette.dcm": "it is US",
        "image_dfl.dcm": "is deflated", "rtplan.dcm": "it is RTPLAN", "no_meta.dcm": "no volume",
    }
    files = {f.name for f in (root / "dicom-misc").glob("*.dcm")}
    if files != set(reasons):
        faults.append(f"files without an expectation: {files ^ set(reasons)}")
    for name in sorted(files & set(reasons)):
        run = subprocess.run([program, "ct", "info", str(root / "dicom-misc" / name)],
                             capture_output=True, text=True)
        if run.returncode != 2 or reasons[name] not in run.stderr or name not in run.stderr:
            faults.append(f"{name}: expected a refusal with '{reasons[name]}'; got status "
                          f"{run.returncode} and: {run.stderr.strip()}")

    # A slice of the real series cut short, wherever it is cut, is refused by name.
    series = pathlib.Path(folder) / "cut"
    series.mkdir()
    for f in (root / "dicom-j2k").glob("*.dcm"):
        (series / f.name).write_bytes(f.read_bytes())
    victim = series / "slice_07.dcm"
    whole = victim.read_bytes()
    for share in (0.0, 0.001, 0.005, 0.02, 0.3, 0.9, 0.99):
        victim.write_bytes(whole[:int(share * len(whole))])
        run = subprocess.run([program, "ct", "info", str(series)], capture_output=True, text=True)
        if run.returncode != 2 or "slice_07" not in run.stderr:
            faults.append(f"cut to {share}: status {run.returncode}: {run.stderr.strip()}")

for fault in faults:
    print(fault)
print(f"{compared} comparisons, {len(reasons)} refusals, {len(faults)} faults")
sys.exit(1 if faults else 0)
