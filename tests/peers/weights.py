#!/usr/bin/env python3
"""Compare networks of imported weights with the programs that the weights are of.

    weights.py NAME...        with LOCKSTEP=program, in a scratch folder ($TMPDIR)

Each check imports a file, evaluates pictures, and compares the log-probabilities with those
of the other program's network for the same pixels, in double precision. What needs a package
or real data that are not here says so.
"""

import os
import subprocess
import sys

import h5py
import numpy as np
import torch
from torch.nn import functional as F

import lockstep
from compare import TOLERANCE, compare, main
from networks import NETWORKS

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DATA = os.environ.get("LOCKSTEP_DATA", os.path.join(ROOT, "..", "shared", "data"))
SIDE = 96  # pixels of noise: more than 64, for which networks have other first layers
CLASSES = 12  # of the pictures; networks know more, under numbers


class Missing(Exception):
    """What a check needs is not here."""


def flowers():
    """Real photographs of 224x224 pixels, in classes that are called 0, 1, 2, ..."""
    path = "flowers.h5"
    if os.path.exists(path):
        return path
    archive = os.path.join(DATA, "flowers", "flowers12.tar")
    if not os.path.exists(archive):
        raise Missing("no flowers in $LOCKSTEP_DATA")
    subprocess.run(["tar", "xf", archive], check=True)
    top = next(name for name in (".", "flowers12", "flowers") if os.path.isdir(f"{name}/test"))
    for number, name in enumerate(sorted(os.listdir(f"{top}/test"))):
        for split, count in ("train", 1), ("test", 3):
            os.makedirs(f"few/{split}/{number}")
            for file in sorted(os.listdir(f"{top}/{split}/{name}"))[:count]:
                os.rename(f"{top}/{split}/{name}/{file}", f"few/{split}/{number}/{file}")
    lockstep.run("data", "import", "few", "--out", path, "--size", "224", "--fit", "crop")
    return path


def answers(weights, data):
    """Log-probabilities of the test images, as `lockstep eval` writes them."""
    out = weights + "-answers.h5"
    if not os.path.exists(out):
        lockstep.run("eval", weights, "--data", data, "--split", "test", "--out", out)
    with h5py.File(out) as file:
        return torch.tensor(file["logprobs"][:], dtype=torch.float64)


def expected(net, data, mean, std):
    """mean and std in units of pixels, one or three of each."""
    with h5py.File(data) as file:
        x = torch.tensor(file["test/images"][:].astype(np.float64))
    x = ((x - torch.tensor(mean)) / torch.tensor(std)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return F.log_softmax(net.double().eval()(x), 1)


def check(name, file, net, data, preprocess, network):
    """preprocess: (mean, std) in units of pixels."""
    mean, std = preprocess
    words = ",".join(str(value) for value in (*mean, *std))
    with h5py.File(data) as sizes:
        size = str(sizes["test/images"].shape[1])
    rest = ("--as", network, "--preprocess", words, "--size", size)
    lockstep.run("weights", "import", file, *rest, "--out", name + ".h5")
    theirs = expected(net, data, mean, std)
    assert float(theirs.std(0).max()) > 1e-3, "all images are alike to the network"
    compare("log-probabilities", answers(name + ".h5", data), theirs,
            TOLERANCE * float(theirs.abs().max()))
    lockstep.run("weights", "export", name + ".h5", "--out", name + "-out.safetensors")
    lockstep.run("weights", "import", name + "-out.safetensors", *rest, "--out", name + "-again.h5")
    first, again = lockstep.tensors(name + ".h5"), lockstep.tensors(name + "-again.h5")
    assert all(torch.equal(first[key], again[key]) for key in first), "export changed bits"


def package(name):
    try:
        return __import__(name)
    except ImportError:
        raise Missing(f"no package {name}") from None


def lite0():
    """EfficientNet-Lite0 trained on ImageNet, beside the package that it was made with."""
    file = os.path.join(DATA, "lite0", "efficientnet-lite0.safetensors")
    if not os.path.exists(file):
        raise Missing("no lite0 in $LOCKSTEP_DATA")
    load_file = __import__("safetensors.torch", fromlist=["load_file"]).load_file
    net = package("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(load_file(file))
    data = flowers()
    check("lite0", file, net, data, ([127.0] * 3, [128.0] * 3), "efficientnet_lite0")
    right = answers("lite0.h5", data).argmax(1)
    assert len(set(right.tolist())) >= CLASSES / 2, "the photographs look alike"


def live(net):
    """Random weights with which images are not alike: norms as after some training, a head
    that is not near 0."""
    net.train()
    with torch.no_grad():
        [layer for layer in net.modules() if isinstance(layer, torch.nn.Linear)][-1].weight *= 10
        for _ in range(4):
            net(torch.randn(8, 3, SIDE, SIDE))
    return net


def pictures():
    path = lockstep.pictures(SIDE, SIDE, 3, 4, 8, 8)
    with h5py.File(path, "a") as file:
        file.attrs["classes"] = [str(i) for i in range(4)]
    return path


PLAIN = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])


def resnet18():
    """torchvision's names and random weights, through a pickle and the script."""
    net = live(NETWORKS["resnet18"]((3, SIDE, SIDE), 10))
    torch.save({"module." + key: value for key, value in net.state_dict().items()}, "r.pth")
    script = os.path.join(ROOT, "scripts", "torch_to_safetensors.py")
    subprocess.run([sys.executable, script, "r.pth", "r.safetensors"], check=True)
    check("resnet18", "r.safetensors", net, pictures(), PLAIN, "resnet18")


def timm(of, network):
    net = live(package("timm").create_model(of, pretrained=False, num_classes=10))
    save = __import__("safetensors.torch", fromlist=["save_file"]).save_file
    save(net.state_dict(), of + ".safetensors")
    check(of, of + ".safetensors", net, pictures(), PLAIN, network)


def or_say(function, *words):
    try:
        function(*words)
    except Missing as why:
        print(f"  {why}: nothing was compared")


TIMM = {
    "timm-mobilenetv2": ("mobilenetv2_100", "mobilenetv2"),
    "timm-efficientnet_b0": ("efficientnet_b0", "efficientnet_b0"),
    "timm-efficientnet_lite0": ("tf_efficientnet_lite0", "efficientnet_lite0"),
}
CHECKS = {"lite0": lambda: or_say(lite0), "resnet18": lambda: or_say(resnet18)}
CHECKS |= {name: (lambda words=words: or_say(timm, *words)) for name, words in TIMM.items()}

if __name__ == "__main__":
    main(CHECKS)
