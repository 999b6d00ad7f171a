#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports models by scripts/export_onnx.py and runs them with ONNX Runtime, for test_torchvision.cpp.

  onnx_expected.py FOLDER NAME...

FOLDER holds <name>.safetensors, as Model::save wrote it, and <name>-pixels.safetensors with pixels
[n, 3, H, W] in [0, 255]; it gets <name>-expected.safetensors: logits and features, and the logits of the
graph that normalises. Exit status 77: a package is not there.
"""
import importlib.util
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "scripts"))
for package in ("torch", "torchvision", "efficientnet_lite_pytorch", "onnx", "onnxruntime"):
    if importlib.util.find_spec(package) is None:
        print(f"the Python package {package} is not installed (scripts/requirements.txt)")
        sys.exit(77)

import convert_weights  # noqa: E402
import export_onnx  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


folder = sys.argv[1]
for name in sys.argv[2:]:
    source = os.path.join(folder, name + ".safetensors")
    pixels = export_onnx.read_safetensors(os.path.join(folder, name + "-pixels.safetensors"))[0]["pixels"].numpy()
    export_onnx.export(source, os.path.join(folder, "caller.onnx"), False)
    export_onnx.export(source, os.path.join(folder, "graph.onnx"), True)
    caller = session(os.path.join(folder, "caller.onnx"))
    notes = caller.get_modelmeta().custom_metadata_map
    if notes["class_name_1"] != "polyp" or notes["input_normalised_by"] != "caller":
        print(f"{name}: the metadata is {notes}")
        sys.exit(1)
    mean, std = (
        np.array([float(v) for v in notes[key].split()], np.float32).reshape(3, 1, 1)
        for key in ("input_mean", "input_std")
    )
    logits, features = caller.run(["logits", "features"], {"patches": (pixels - mean) / std})
    (normalised,) = session(os.path.join(folder, "graph.onnx")).run(["logits"], {"patches": pixels})
    tensors = {"logits": logits, "features": features, "logits_graph": normalised}
    content = convert_weights.safetensors_bytes(
        {key: np.ascontiguousarray(value) for key, value in tensors.items()}, {}
    )
    convert_weights.write_atomically(os.path.join(folder, name + "-expected.safetensors"), content)
