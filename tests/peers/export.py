#!/usr/bin/env python3
"""Compare exported networks with lockstep: ONNX Runtime evaluates the .onnx, PyTorch the
.safetensors.

    export.py CHECK...        with LOCKSTEP=program, in a scratch folder ($TMPDIR)

A network is trained for a few steps, so that no statistic is as it began, and exported. ONNX
Runtime gets the pixels of the test images, in batches of several sizes; its log-probabilities
are compared with those of `lockstep eval --out`.
"""

import re
import shutil

import h5py
import numpy as np
import onnxruntime
import torch

import lockstep
from compare import TOLERANCE, compare, main
from networks import NETWORKS

BATCHES = (1, 3, 2)  # then the rest

# Lines; what comes before [model]; the size of the images.
LINES = {
    "norms": ("""
        conv 12 kernel=3 pad=1 groups=3 | groupnorm 4 | hardswish |
        conv 20 kernel=3 pad=2x4 dilation=2x3 groups=4 | groupnorm 20 eps=0.01 | silu |
        conv 9 kernel=3x2 stride=2x1 pad=1x0 bias=off | batchnorm eps=0.01 | gelu |
        maxpool 3 stride=2 pad=same | batchnorm affine=off | relu6 | flatten | linear 12 |
        groupnorm 3 | sigmoid | batchnorm affine=bias | linear classes | logsoftmax""",
        "[data]\ninput = 15x17\nshift_x = -3\nshift_y = 2\n", (18, 21, 3)),
    "pools": ("""
        conv 8 kernel=3 stride=2 pad=same init=he | gelu | avgpool 3x2 stride=1x2 pad=1x0 |
        conv 11 kernel=4 pad=same init=he | relu | avgpool 3 stride=2 pad=1 count_pad=off |
        depthwise kernel=5x2 stride=2x3 pad=same init=he | silu |
        avgpool 3 stride=2 pad=same | conv 9 kernel=2 stride=1x3 pad=same init=he |
        hardsigmoid | avgpool 2 pad=same count_pad=off | flatten |
        linear classes init=he | logsoftmax""", "", (34, 47, 1)),
    "squeeze": ("""
        conv 8 kernel=3 | silu as=x | globalavgpool | conv 4 kernel=1 | relu |
        conv 8 kernel=1 | hardsigmoid as=w | mul from=x,w as=y | globalavgpool from=x |
        flatten | linear 8 as=v | sigmoid as=u | mul from=y,u | add from=x | dropout |
        droppath as=z | globalavgpool | add from=v | mul from=u | flatten | padchannels 11 |
        scale by=-0.5 | conv 6 kernel=1 | logsoftmax as=l | linear classes | logsoftmax""",
        "", (10, 9, 3)),
}


def pixels(data):
    """The test images, (N, H, W, C)."""
    with h5py.File(data) as file:
        images = file["test/images"][:]
    return images if images.ndim == 4 else images[..., None]


def answers(checkpoint, data, name):
    """What eval says of the test images: log-probabilities, or probabilities."""
    lockstep.run("eval", checkpoint, "--data", data, "--split", "test", "--out", name + "-eval.h5")
    with h5py.File(name + "-eval.h5") as file:
        return np.array(file["logprobs" if "logprobs" in file else "probabilities"], np.float64)


def runtime(path, images, layout):
    """Logits and probabilities of ONNX Runtime, in batches."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["logits", "probabilities"], names
    if layout == "nchw":
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    parts, first = [], 0
    for count in (*BATCHES, len(images)):
        batch = images[first:first + count]
        if len(batch):
            parts.append(session.run(names, {"image": batch}))
        first += count
    notes = session.get_modelmeta().custom_metadata_map
    return (*(np.concatenate(part) for part in zip(*parts)), notes)


def check_file(path):
    """By the onnx package, if it is here."""
    try:
        import onnx
    except ImportError:
        print("  no package onnx: the file was not checked by it")
        return
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [13]


def check(name, checkpoint, data, layout="nhwc", scaled=False):
    """scaled: log-probabilities differ by TOLERANCE of the largest, not by TOLERANCE."""
    path = name + ".onnx"
    print("  " + lockstep.run("export", checkpoint, "--to", path, "--layout", layout).splitlines()[-2])
    check_file(path)
    images, ours = pixels(data), answers(checkpoint, data, name)
    logits, probabilities, notes = runtime(path, images, layout)
    assert ours.std(0).max() > 1e-3, "all images are alike to the network"
    logits = torch.tensor(logits, dtype=torch.float64)
    if notes.get("lockstep.multi_label") == "yes":
        compare("probabilities", probabilities, ours, TOLERANCE)
        compare("of logits", torch.sigmoid(logits), probabilities, 1e-6)
        return
    allowed = TOLERANCE * (np.abs(ours).max() if scaled else 1)
    compare("log-probabilities", torch.log_softmax(logits, 1), ours, allowed)
    compare("probabilities", probabilities, np.exp(ours), TOLERANCE)
    compare("of logits", torch.softmax(logits, 1), probabilities, 1e-6)
    with h5py.File(data) as file:
        names = [n if isinstance(n, str) else n.decode() for n in file.attrs["classes"]]
    assert notes["lockstep.classes"].split("\n") == names


def lines(name, layout="nhwc"):
    text, before, shape = LINES[name]
    data = lockstep.pictures(*shape, 5, 30, 20)
    network = before + lockstep.config([line.strip() for line in text.split("|")])
    keys = {"train.batch": 10, "train.grain": 5, "optim.lr": 0.05}
    check(name, lockstep.train(name, network, data, 6, **keys), data, layout)


def named(name, side, images, layout="nhwc", scaled=False, **keys):
    """A network by its name: its layers, and a training in which statistics settle soon."""
    network = lockstep.network_of(lockstep.run("models", name))
    network = re.sub(r"(= batchnorm\b.*?) momentum=\S+", r"\1", network)
    network = network.replace("= batchnorm", "= batchnorm momentum=0.5")
    data = lockstep.pictures(side, side, 3, 6, images, 8)
    keys = {"train.batch": 8, "train.grain": 8, "optim.lr": 0.002} | keys
    check(name, lockstep.train(name, network, data, 8, **keys), data, layout, scaled)


def letters():
    data = lockstep.synth(600, 60)
    network = lockstep.network_of(lockstep.run("models", "letters"))
    check("letters", lockstep.train("letters", network, data, 12, **{"optim.lr": 0.05}), data)


def multi_label():
    """Images with several classes, or none: bits of base/label_set.h."""
    data = "several.h5"
    shutil.copy(lockstep.pictures(16, 16, 3, 5, 30, 20), data)
    random = np.random.default_rng(3)
    with h5py.File(data, "r+") as file:
        for split in "train", "test":
            sets = random.integers(0, 2, (len(file[split + "/labels"]), 5), np.uint8)
            del file[split + "/labels"]
            file[split + "/labels"] = np.packbits(sets, axis=1, bitorder="little")
        file.attrs["format_version"] = 3
    network = lockstep.config(["conv 6 kernel=3", "batchnorm", "relu", "globalavgpool",
                               "linear classes", "logsigmoid"])
    keys = {"train.batch": 10, "train.grain": 10, "optim.lr": 0.1}
    check("several", lockstep.train("several", network, data, 8, **keys), data)


def loader():
    """The program that `lockstep export --help` prints."""
    try:
        import safetensors  # noqa: F401
    except ImportError:
        print("  no package safetensors: nothing was compared")
        return
    network = lockstep.network_of(lockstep.run("models", "resnet20"))
    data = lockstep.pictures(32, 32, 3, 6, 40, 8)
    checkpoint = lockstep.train("loaded", network, data, 4, **{"train.batch": 8, "optim.lr": 0.02})
    lockstep.run("export", checkpoint, "--to", "model.safetensors")
    text = lockstep.run("export", "--help")
    text = text[text.index("    import torch\n"):]
    text = "\n".join(line[4:] for line in text[:text.index("\n\n")].split("\n"))
    model = NETWORKS["resnet20"]((3, 32, 32), 6).eval()
    names = {"model": model, "images": torch.tensor(pixels(data), dtype=torch.float32)}
    exec(text, names)
    assert names["classes"] == [f"class{i}" for i in range(6)]
    with torch.no_grad():
        theirs = torch.log_softmax(model(names["x"]), 1)
    compare("log-probabilities", answers(checkpoint, data, "loaded"), theirs, TOLERANCE)


CHECKS = {
    "letters": letters,
    "resnet20": lambda: named("resnet20", 32, 40),
    "mobilenetv2": lambda: named("mobilenetv2", 96, 24, "nchw"),
    "efficientnet_lite0": lambda: named("efficientnet_lite0", 224, 12,
                                        **{"train.batch": 4, "train.grain": 4}),
    "mobilenetv3_small": lambda: named("mobilenetv3_small", 48, 24),
    # Some of its logits are in the tens, with so little training.
    "efficientnet_b0": lambda: named("efficientnet_b0", 64, 24, "nchw", scaled=True,
                                     **{"optim.lr": 0.0005, "train.batch": 12, "train.grain": 12}),
    "norms": lambda: lines("norms"),
    "pools": lambda: lines("pools", "nchw"),
    "squeeze": lambda: lines("squeeze"),
    "several-classes": multi_label,
    "loader": loader,
}

if __name__ == "__main__":
    main(CHECKS)
