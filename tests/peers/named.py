#!/usr/bin/env python3
"""Compare the networks by name with plain PyTorch definitions (networks.py).

    named.py NAME...          with LOCKSTEP=program, in a scratch folder ($TMPDIR)

The weights go from lockstep's checkpoint to PyTorch by their names, all of them: names and
shapes are compared, too. Networks for 224x224 are compared on images of 72x72 pixels, which
give odd sizes further on (36, 18, 9, 5, 3). Where torchvision is installed, the definitions
themselves are compared with it.
"""

import torch

import lockstep
from agreement import Agreement
from compare import main
from networks import NETWORKS

try:
    import torchvision
except ImportError:
    torchvision = None

TORCHVISION = {
    "resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50",
    "vgg11_bn": "vgg11_bn", "vgg16_bn": "vgg16_bn", "mobilenetv2": "mobilenet_v2",
    "mobilenetv3_small": "mobilenet_v3_small", "mobilenetv3_large": "mobilenet_v3_large",
    "efficientnet_b0": "efficientnet_b0",
}

# The images (H, W, C) and the batch.
LARGE = (72, 72, 3), 4
CASES = {
    "letters": ((28, 28, 1), 8), "lenet5": ((28, 28, 1), 8),
    "resnet20": ((32, 32, 3), 6), "resnet32": ((20, 22, 3), 6),
    "resnet44": ((20, 22, 3), 6), "resnet56": ((17, 19, 3), 6),
    "resnet18": LARGE, "resnet34": LARGE, "resnet50": LARGE,
    "resnet18_cifar": ((32, 32, 3), 4), "resnet34_cifar": ((18, 20, 3), 6),
    "resnet50_cifar": ((18, 20, 3), 6),
    "vgg11_bn": ((32, 64, 3), 6), "vgg16_bn": ((32, 32, 3), 6),
    "mobilenetv2": LARGE, "mobilenetv3_small": LARGE, "mobilenetv3_large": LARGE,
    "efficientnet_lite0": LARGE, "efficientnet_b0": LARGE,
}


def case(name, shape=None, batch=None):
    shape, batch = (shape, batch) if shape else CASES[name]
    data = lockstep.pictures(*shape, 5, 3 * batch, 8)
    text = lockstep.network_of(lockstep.run("models", name))
    Agreement(name, text, data, batch, plain=NETWORKS[name]).check()


CHECKS = {name: (lambda name=name: case(name)) for name in CASES}

if __name__ == "__main__":
    main(CHECKS)
