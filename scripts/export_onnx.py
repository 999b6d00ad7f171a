#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a model that `aift` has trained as ONNX, for ONNX Runtime, TensorRT and others.

Examples:
  export_onnx.py --from runs/first/model-005.safetensors --out polyps.onnx
  export_onnx.py --from runs/first/model-005.safetensors --out polyps.onnx --normalise

The network is rebuilt in Python from the names and shapes in the file. The ONNX model maps
`patches` [n, 3, H, W] float32 to `logits` [n, K] and `features` [n, d]; n is free, H and W are those of
the file. Patches are normalised by the caller, (x - input_mean) / input_std with x in [0, 255], channels
RGB; with --normalise the graph does it and takes x itself. The metadata of the ONNX file holds
architecture, class names (class_name_<k>), input_mean, input_std and whether the graph normalises
(input_normalised_by: caller or graph).

Needs the Python packages torch, torchvision and onnx; efficientnet_lite0 needs efficientnet-lite-pytorch
instead of torchvision. scripts/requirements.txt pins them.
"""
import argparse
import json
import os
import struct
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from convert_weights import ARCHITECTURES, Refused, write_atomically  # noqa: E402

OPSET = 17


def read_safetensors(path):
    """The tensors of a file by name, and its metadata."""
    import numpy as np
    import torch

    types = {"F32": np.float32, "F64": np.float64, "F16": np.float16}
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Refused(f"{path} could not be read ({error.strerror}); name a model file with --from.")
    try:
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            values = np.frombuffer(content[8 + length + first : 8 + length + last], types[entry["dtype"]])
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).astype(np.float32))
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} is not a safetensors file of floating point numbers ({error}).")
    return tensors, metadata


def lenet5(classes):
    """As docs/models.md defines it."""
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 6, 5), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(6, 16, 5), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2),
            pool=nn.AdaptiveAvgPool2d(5), flatten=nn.Flatten(),
            fc1=nn.Linear(400, 120), relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84), relu4=nn.ReLU(),
            fc3=nn.Linear(84, classes),
        )
    )  # fmt: skip


def build(architecture, classes, size, rectified):
    """An empty network with the tensor names of the file, and the module that is its head."""
    from torch import nn

    if architecture == "lenet5":
        network = lenet5(classes)
    elif architecture == "efficientnet_lite0":
        try:
            from efficientnet_lite_pytorch import EfficientNet, get_model_params
        except ImportError:
            raise Refused("efficientnet_lite0 needs the Python package efficientnet-lite-pytorch; install it.")
        blocks, options = get_model_params(
            "efficientnet-lite0", {"image_size": size, "num_classes": classes}
        )
        network = EfficientNet(blocks, options)
    else:
        try:
            import torchvision
        except ImportError:
            raise Refused(f"{architecture} needs the Python package torchvision; install it.")
        extra = {"aux_logits": False, "init_weights": False} if architecture == "googlenet" else {}
        network = getattr(torchvision.models, architecture)(weights=None, num_classes=classes, **extra)
        if architecture == "squeezenet1_1" and not rectified:
            # A trained head is linear in the pooled features.
            network.classifier = nn.Sequential(
                nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(512, classes)
            )
    head = network
    for name in ARCHITECTURES[architecture]["head"].split(".")[:-1]:
        head = getattr(head, name)
    return network, head


def fix_pools(module):
    """Replaces adaptive pooling, which ONNX has only for sizes that divide each other, by products with
    matrices of averages: bin i of n averages the rows floor(i size / n) to ceil((i + 1) size / n) - 1."""
    import torch

    def averages(size, bins):
        matrix = torch.zeros(bins, size)
        for i in range(bins):
            first, last = i * size // bins, -(-(i + 1) * size // bins)
            matrix[i, first:last] = 1 / (last - first)
        return matrix

    class Pool(torch.nn.Module):
        def __init__(self, bins):
            super().__init__()
            self.bins = bins

        def forward(self, x):
            height, width = (int(length) for length in x.shape[2:])
            if (height, width) == self.bins:
                return x
            return averages(height, self.bins[0]) @ x @ averages(width, self.bins[1]).T

    for name, child in module.named_children():
        if isinstance(child, torch.nn.AdaptiveAvgPool2d):
            bins = child.output_size if isinstance(child.output_size, tuple) else (child.output_size,) * 2
            if bins != (1, 1):
                setattr(module, name, Pool(bins))
        else:
            fix_pools(child)


def rebuild(path):
    """A module that gives (logits, features) of normalised patches, and the metadata of the file."""
    import torch

    tensors, metadata = read_safetensors(path)
    architecture = metadata.get("architecture", "")
    if architecture not in ARCHITECTURES:
        raise Refused(
            f"{path} names the architecture '{architecture}'; known are {', '.join(ARCHITECTURES)}."
        )
    weight = tensors.get(ARCHITECTURES[architecture]["head"])
    if weight is None:
        raise Refused(f"{path} has no tensor '{ARCHITECTURES[architecture]['head']}'; it is damaged.")
    rectified = weight.dim() == 4
    size = int(metadata.get("input_height") or ARCHITECTURES[architecture]["input_size"])
    width = int(metadata.get("input_width") or size)
    if width != size:
        raise Refused(f"{path} wants patches of {size} x {width}; only squares can be exported.")
    network, head = build(architecture, weight.shape[0], size, rectified)
    missing, unexpected = network.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise Refused(f"Tensor '{(missing + unexpected)[0]}' of {path} does not fit {architecture}.")

    fix_pools(network)

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.seen = None
            head.register_forward_pre_hook(lambda module, inputs: setattr(self, "seen", inputs[0]))

        def forward(self, patches):
            logits = self.network(patches)
            features = self.seen.mean((2, 3)) if self.seen.dim() == 4 else self.seen
            return logits, features

    return Both().eval(), metadata, size


class Normalised:
    """Puts (x - mean) / std in front of a module."""

    def __new__(cls, module, mean, std):
        import torch

        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.module = module
                self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
                self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

            def forward(self, x):
                return self.module((x - self.mean) / self.std)

        return Module().eval()


def export(path, out, normalise):
    import io

    try:
        import onnx
        import torch
    except ImportError as error:
        raise Refused(f"The Python package {error.name} is missing; scripts/requirements.txt pins it.")
    module, metadata, size = rebuild(path)
    facts = ARCHITECTURES[metadata["architecture"]]
    mean = metadata.get("input_mean", facts["mean"])
    std = metadata.get("input_std", facts["std"])
    if normalise:
        module = Normalised(module, [float(v) for v in mean.split()], [float(v) for v in std.split()])
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that this exporter is the older one; it needs no further package
        torch.onnx.export(
            module, (torch.zeros(2, 3, size, size),), buffer, dynamo=False, opset_version=OPSET,
            input_names=["patches"], output_names=["logits", "features"],
            dynamic_axes={name: {0: "n"} for name in ("patches", "logits", "features")},
        )  # fmt: skip
    model = onnx.load_model_from_string(buffer.getvalue())
    notes = {
        **{k: v for k, v in metadata.items() if k != "aift_format"},
        "input_mean": mean,
        "input_std": std,
        "input_normalised_by": "graph" if normalise else "caller",
    }
    for key in sorted(notes):
        model.metadata_props.add(key=key, value=notes[key])
    onnx.checker.check_model(model)
    write_atomically(out, model.SerializeToString())
    return metadata, size


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="source", required=True, metavar="MODEL.safetensors")
    parser.add_argument("--out", required=True, metavar="FILE.onnx")
    parser.add_argument("--normalise", action="store_true", help="take pixels in [0, 255]")
    arguments = parser.parse_args()
    try:
        metadata, size = export(arguments.source, arguments.out, arguments.normalise)
    except Refused as error:
        print(f"export_onnx.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"export_onnx.py: {arguments.out} could not be written ({error.strerror}).", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {metadata['architecture']}, patches [n, 3, {size}, {size}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
