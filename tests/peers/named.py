#!/usr/bin/env python3
"""Compare the networks by name with plain PyTorch definitions (networks.py).

    named.py NAME...          with LOCKSTEP=program, in a scratch folder ($TMPDIR)

The weights go from lockstep's checkpoint to PyTorch by their names, all of them: names and
shapes are compared, too. Networks for 224x224 are compared on images of 65x70 pixels, which
have odd sizes further on (33x35, 17x18, 9x9, 5x5, 3x3). Where torchvision is installed, the
definitions themselves are compared with it.
"""

import torch
from torch import nn

import lockstep
from agreement import Agreement
from compare import TOLERANCE, compare, main
from networks import NETWORKS
from rounding import Rounding

# The images (H, W, C) and the batch.
LARGE = (65, 70, 3), 4
CASES = {
    "letters": ((28, 28, 1), 8), "lenet5": ((28, 28, 1), 8),
    "resnet20": ((32, 32, 3), 6), "resnet32": ((20, 22, 3), 6),
    "resnet44": ((20, 22, 3), 6), "resnet56": ((17, 19, 3), 6),
    "resnet18": LARGE, "resnet34": LARGE, "resnet50": LARGE,
    "resnet18_cifar": ((32, 32, 3), 4), "resnet34_cifar": ((18, 20, 3), 6),
    "resnet50_cifar": ((24, 26, 3), 4),
    "vgg11_bn": ((32, 64, 3), 6), "vgg16_bn": ((32, 32, 3), 6),
    "mobilenetv2": LARGE, "mobilenetv3_small": LARGE, "mobilenetv3_large": LARGE,
    "efficientnet_lite0": LARGE, "efficientnet_b0": LARGE,
}


# The last norms of the residual branches. With weights of 1 and so many layers on top of each
# other, single precision itself is no nearer than 1e-2, PyTorch's neither: there the two are
# compared by their rounding. With weights of 0.1, 1e-4 holds. (Weights near zero would leave
# whole channels near the kink of the relu that follows.)
DEEP = {"resnet50": "bn3", "resnet50_cifar": "bn3"}
ERRORS = 6  # the tensors, from the first to the last, in which an error must be noticed


def deep(name, text, data, batch):
    norm = DEEP[name]
    Rounding(name, text, data, batch, plain=NETWORKS[name]).check()
    branches = text + f"[group branches]\nmatch = *.{norm}.weight\ndecay = all\n"
    decayed = Agreement(f"{name}-decayed", branches, data, batch)
    # a step that the decay alone makes: from 1 to 1 - 1e-6 * 9e5
    start = decayed.train("begin", 1, **{"optim.lr": 1e-6, "optim.weight_decay": 9e5})[0]
    weights = [value for key, value in lockstep.tensors(start).items()
               if key.endswith(f".{norm}.weight")]
    weights = torch.cat(weights)
    compare("weights of the branches", weights, torch.full_like(weights, 0.1), 1e-5)
    agreement = Agreement(name, text, data, batch, plain=NETWORKS[name], start=start)
    agreement.check()
    agreement.find_errors(ERRORS)


def case(name, shape, batch, network=None):
    network = network or name
    data = lockstep.pictures(*shape, 5, 3 * batch, 8)
    text = lockstep.network_of(lockstep.run("models", network))
    if name in DEEP:
        deep(name, text, data, batch)
    else:
        Agreement(name, text, data, batch, plain=NETWORKS[network]).check()


# Here, and in torchvision.
TORCHVISION = {
    "resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50",
    "vgg11_bn": "vgg11_bn", "mobilenetv2": "mobilenet_v2",
    "mobilenetv3_small": "mobilenet_v3_small", "mobilenetv3_large": "mobilenet_v3_large",
    "efficientnet_b0": "efficientnet_b0",
}


def torchvision():
    """The definitions are torchvision's: tensors, and outputs in training."""
    try:
        import torchvision.models as models
    except ImportError:
        print("  there is no torchvision here")
        return
    for name, other in TORCHVISION.items():
        size = 224 if name.startswith("vgg") else 96
        plain = NETWORKS[name]((3, size, size), 1000)
        theirs = getattr(models, other)()
        plain.load_state_dict(theirs.state_dict(), strict=True)
        x = torch.randn(2, 3, size, size)
        outputs = []
        for net in plain, theirs:
            for layer in net.modules():
                if type(layer).__name__ == "StochasticDepth" or isinstance(layer, nn.Dropout):
                    layer.p = 0.0
            with torch.no_grad():
                outputs.append(net.train()(x))
        compare(f"{name} and torchvision", *outputs, TOLERANCE * float(outputs[0].abs().max()))


# A first layer for small images, which other networks share with those above
SMALL = {
    "mobilenetv3_small-36": ((36, 34, 3), 5, "mobilenetv3_small"),
    "efficientnet_lite0-33": ((33, 36, 3), 5, "efficientnet_lite0"),
}
CHECKS = {name: (lambda name=name, of=of: case(name, *of))
          for name, of in (CASES | SMALL).items()} | {"torchvision": torchvision}

if __name__ == "__main__":
    main(CHECKS)
