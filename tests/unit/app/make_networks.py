#!/usr/bin/env python3
"""The tensors of torchvision's networks, for test_named_network.c.

    make_networks.py [LITE0.safetensors] >networks_torch.inc

Of each network: the number of parameters, of tensors, and a hash (FNV-1a, 64 bits) of the
sorted lines "NAME DIMxDIM...". EfficientNet-Lite0, which torchvision does not have, comes from
the header of a file of weights with the names of PyPI's efficientnet-lite-pytorch. Without that
file its line is taken from the networks_torch.inc beside this script.
"""

import json
import math
import os
import struct
import sys

import torchvision

NAMES = ["resnet18", "resnet34", "resnet50", "vgg11_bn", "vgg16_bn", "mobilenet_v2",
         "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0"]
WHOLE = ["resnet18", "mobilenet_v3_small"]  # with all names


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def lines(shapes):
    return sorted(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items()
                  if not name.endswith("num_batches_tracked"))


def row(name, shapes):
    params = sum(math.prod(shape) for tensor, shape in shapes.items()
                 if "running_" not in tensor and "num_batches" not in tensor)
    listed = lines(shapes)
    hashed = fnv("".join(line + "\n" for line in listed))
    return f'    {{"{name}", {params}, {len(listed)}, 0x{hashed:016x}}},'


def safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def lite0():
    if len(sys.argv) > 1:
        return row("efficientnet_lite0", safetensors(sys.argv[1]))
    with open(os.path.join(os.path.dirname(__file__), "networks_torch.inc")) as file:
        return next(line.rstrip() for line in file if '"efficientnet_lite0"' in line)


print("/* The tensors of PyTorch's networks; made by make_networks.py. */")
print("static const struct torch_network torch_networks[] = {")
whole = {}
for name in NAMES:
    model = torchvision.models.get_model(name, weights=None)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    print(row(name, shapes))
    if name in WHOLE:
        whole[name] = lines(shapes)
print(lite0())
print("};")
for name, listed in whole.items():
    print(f"\nstatic const char torch_{name}[] =")
    print("\n".join(f'    "{line}\\n"' for line in listed) + ";")
