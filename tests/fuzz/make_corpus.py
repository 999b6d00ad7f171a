#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets into corpus/; `make_corpus.py --project PROGRAM FOLDER` writes those of
the target `project`, which tests/store/fake_project makes, into a folder. Everything in them is made up."""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def write(target, name, content):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def npy(descr, shape, data, version=(1, 0), order="False"):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    size = 2 if version == (1, 0) else 4
    total = (10 if size == 2 else 12) + len(header) + 1
    header += " " * (-total % 64) + "\n"
    length = struct.pack("<H" if size == 2 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + data


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def dlpack(shape, strides=(), offsets=(), byte_offset=0, ndim=3, device=1, major=1, code=2, bits=32,
           form=0, kind=0, lanes=1):
    fill = lambda values, n: list(values) + [0] * (n - len(values))
    return struct.pack("<8q8q6qQiiIBBBBH", *fill(shape, 8), *fill(strides, 8), *fill(offsets, 6),
                       byte_offset, ndim, device, major, code, bits, form, kind, lanes)


def project(program, folder):
    with tempfile.TemporaryDirectory() as work:
        sys.path.insert(0, os.path.join(HERE, "..", "store"))
        import survive
        truth = survive.make_data(os.path.join(work, "data"))
        runner = survive.Runner(program, os.path.join(work, "data"), truth, os.path.join(work, "p"))
        runner.finish()
        database = os.path.join(work, "p", "project.db")
        with sqlite3.connect(database) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA page_size = 512")
            db.execute("VACUUM")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(database, os.path.join(folder, "three_rounds.db"))
        subprocess.run([program, "audit", "verify", "-p", os.path.join(work, "p")], check=True)


def main():
    if "--project" in sys.argv:
        project(*sys.argv[2:])
        return
    write("npy", "f4.npy", npy("<f4", "(2, 3)", bytes(24)))
    write("npy", "f8.npy", npy("<f8", "(3,)", bytes(24), version=(2, 0)))
    write("npy", "bf16.npy", npy("<V2", "(2, 2, 2)", bytes(16)))
    write("npy", "empty.npy", npy("<i8", "(0, 5)", b""))
    write("npy", "scalar.npy", npy("|u1", "()", b"\x07"))
    write("npy", "fortran.npy", npy("<f4", "(2, 3)", bytes(24), order="True"))
    write("safetensors", "two.safetensors", safetensors(
        {"__metadata__": {"architecture": "fake"},
         "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
         "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}}, bytes(22)))
    write("safetensors", "none.safetensors", safetensors({}, b""))
    write("safetensors", "gap.safetensors", safetensors(
        {"a": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]}}, bytes(16)))
    write("safetensors", "huge.safetensors", safetensors(
        {"a": {"dtype": "F64", "shape": [2**32, 2**32], "data_offsets": [0, 8]}}, bytes(8)))
    write("manifest", "plain.csv", "path,label,group,split\na.png,clear,p1,pool\nb.png,polyp,p2,test\n")
    write("manifest", "quoted.csv", "path,label,note\r\n\"a,\"\"1\"\".png\",clear,\"two\nlines\"\r\nb.png,,x\r\n")
    write("manifest", "video.csv", "path,label,frame,video\nclip.avi,clear,3,v\nimg_0007.png,polyp,4,v\n")
    write("answers", "table.csv", "sample,label,reader,confidence,lead_time,comment\ns1,clear,A,0.5,3,ok\n"
                                  "s2,?,B,,,\ns3,polyp,,1e0,2.5,\"a, b\"\n")
    write("answers", "export.json", json.dumps([{
        "id": 1, "data": {"sample": "s1"}, "annotations": [{
            "completed_by": {"id": 3, "email": "a@b"}, "lead_time": 1.5, "was_cancelled": False,
            "result": [{"from_name": "label", "type": "choices", "value": {"choices": ["polyp"]}},
                       {"from_name": "confidence", "type": "number", "value": {"number": 0.5}},
                       {"from_name": "comment", "type": "textarea", "value": {"text": ["x"]}}]}]}]))
    write("answers", "flat.json", json.dumps([{"sample": "s1", "choice": "clear", "annotator": 4}]))
    write("dlpack", "dense", dlpack((4, 3, 2)))
    write("dlpack", "ragged", dlpack((6, 2), offsets=(0, 1, 2, 3, 4, 6), ndim=2, form=8, kind=1))
    write("dlpack", "strided", dlpack((4, 3, 2), strides=(6, 2, 1), form=4, byte_offset=8))
    write("dlpack", "image", dlpack((5, 4, 3), strides=(20, 3, 1), form=4, code=1, bits=8))
    write("dlpack", "huge", dlpack((2**62, 2**62, 2)))


if __name__ == "__main__":
    main()
