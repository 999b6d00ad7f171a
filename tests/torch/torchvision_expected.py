#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What torchvision computes with random weights, for test_torchvision.cpp.

  torchvision_expected.py FOLDER ARCHITECTURE:SIZE...

For each network, FOLDER gets <architecture>.safetensors, converted by scripts/convert_weights.py from a
state_dict as torchvision publishes it (GoogLeNet with its auxiliary heads), and
<architecture>-expected.safetensors: pixels [2, 3, SIZE, SIZE] in [0, 255], logits and features. Weights and
the statistics of batch norm are drawn so that each of them matters. Exit status 77: torchvision is not there.
"""
import importlib.util
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "scripts"))
for package in ("torch", "torchvision"):
    if importlib.util.find_spec(package) is None:
        print(f"the Python package {package} is not installed (scripts/requirements.txt)")
        sys.exit(77)

import convert_weights  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from torch import nn  # noqa: E402

CLASSES = 7


def randomise(network, seed):
    g = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=g)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.1, generator=g)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=g)
            nn.init.normal_(module.bias, 0, 0.2, generator=g)
            nn.init.normal_(module.running_mean, 0, 0.5, generator=g)
            nn.init.uniform_(module.running_var, 0.3, 3, generator=g)


def write(folder, name, size):
    extra = {"aux_logits": True, "transform_input": True, "init_weights": False} if name == "googlenet" else {}
    network = getattr(torchvision.models, name)(weights=None, num_classes=CLASSES, **extra).eval()
    randomise(network, 5)
    state = os.path.join(folder, name + ".pth")
    torch.save(network.state_dict(), state)
    sys.argv = ["convert_weights.py", "--model", name, "--from", state, "--out",
                os.path.join(folder, name + ".safetensors")]  # fmt: skip
    if convert_weights.main() != 0:
        sys.exit(1)
    os.unlink(state)

    seen = []
    head = network
    for part in convert_weights.ARCHITECTURES[name]["head"].split(".")[:-1]:
        head = getattr(head, part)
    head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    pixels = torch.randint(0, 256, (2, 3, size, size), generator=torch.Generator().manual_seed(6)).float()
    pixels[1] = pixels[1] * 0.3 + torch.linspace(0, 170, size)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        logits = network((pixels / 255 - mean) / std)
    features = seen[0].mean((2, 3)) if seen[0].dim() == 4 else seen[0]
    spread = (logits[0] - logits[1]).abs().max() / logits.abs().max()
    if not spread > 0.01:
        print(f"{name}: the two patches hardly differ ({spread}), so a comparison would show nothing")
        sys.exit(1)
    tensors = {"pixels": pixels, "logits": logits, "features": features}
    content = convert_weights.safetensors_bytes(
        {key: value.contiguous().numpy() for key, value in tensors.items()}, {}
    )
    convert_weights.write_atomically(os.path.join(folder, name + "-expected.safetensors"), content)


torch.set_num_threads(1)
folder, *cases = sys.argv[1:]
for case in cases:
    architecture, size = case.split(":")
    write(folder, architecture, int(size))
