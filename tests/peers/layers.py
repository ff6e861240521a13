#!/usr/bin/env python3
"""Compare each kind of layer, alone and in small graphs, with PyTorch's.

    layers.py CHECK...        with LOCKSTEP=program, in a scratch folder ($TMPDIR)

PyTorch's networks are built from the same lines (graph.py). Images are of odd sizes, and
batches and grains have remainders.
"""

import torch

import lockstep
from agreement import Agreement
from compare import compare, main


# Lines; the size of the images; batch and grain.
CASES = {
    "batchnorm": ("""
        conv 7 kernel=3 bias=off | batchnorm | gelu | conv 9 kernel=3 stride=2 |
        batchnorm eps=0.01 momentum=0.3 | silu | conv 5 kernel=2 |
        batchnorm affine=off momentum=0.02 | gelu | flatten | linear 11 |
        batchnorm momentum=1 | sigmoid | linear classes | logsoftmax""",
        (11, 13, 3), 10, 10),
    # batches of 13, 13, 4 samples; grains of 5, 4, 4
    "grains": ("""
        conv 6 kernel=3 pad=1 | batchnorm momentum=0.2 | gelu | avgpool 2 |
        depthwise kernel=3 bias=off | batchnorm affine=off | silu | conv 8 kernel=2 |
        gelu | flatten | linear 24 bias=off | batchnorm eps=1e-3 | gelu |
        linear classes | logsoftmax""",
        (9, 10, 3), 13, 5),
    # grains of one image: running statistics in training, too
    "single": ("""
        conv 6 kernel=2 | batchnorm momentum=0.3 | gelu | flatten | linear 12 |
        batchnorm momentum=0.5 | gelu | linear classes | logsoftmax""",
        (5, 4, 1), 3, 1),
    "groupnorm": ("""
        conv 12 kernel=3 | groupnorm 3 | gelu | conv 10 kernel=3 stride=2 bias=off |
        groupnorm 1 eps=0.01 | silu | conv 7 kernel=1 | groupnorm 7 | gelu | flatten |
        linear 12 | groupnorm 4 | gelu | linear classes | logsoftmax""",
        (12, 9, 3), 7, 4),
    "depthwise": ("""
        conv 9 kernel=1 init=he | depthwise kernel=3 pad=1 | gelu |
        depthwise kernel=5 stride=2 pad=2 bias=off | silu | conv 20 kernel=1 bias=off |
        depthwise kernel=4 pad=1 init=he | sigmoid | depthwise kernel=2 stride=3 |
        globalavgpool | linear classes | logsoftmax""",
        (17, 14, 3), 6, 4),
    "windows": ("""
        conv 7 kernel=3x2 stride=2x1 pad=1x0 | gelu | avgpool 3x2 stride=1x2 pad=1x0 |
        depthwise kernel=1x3 pad=0x2 stride=1x2 | silu | conv 9 kernel=5x1 pad=4x0 bias=off |
        gelu | avgpool 2x3 stride=3x2 pad=1 count_pad=off | flatten | linear 14 | silu |
        linear classes | logsoftmax""",
        (13, 16, 3), 7, 4),
    # even and odd sizes, strides larger than the window, padding on one side alone
    "same": ("""
        conv 8 kernel=3 stride=2 pad=same | gelu | depthwise kernel=5x2 stride=2x3 pad=same |
        silu | conv 9 kernel=4 pad=same | gelu | avgpool 3 stride=2 pad=same |
        conv 11 kernel=2 stride=1x3 pad=same | gelu | avgpool 2 pad=same count_pad=off |
        flatten | linear classes | logsoftmax""",
        (22, 27, 3), 6, 4),
    "dilation": ("""
        conv 8 kernel=3 dilation=2 pad=2 init=he | gelu |
        conv 9 kernel=3x2 dilation=1x4 stride=2 init=he | silu |
        depthwise kernel=3 dilation=2x3 pad=same init=he | gelu |
        depthwise kernel=2 dilation=3 pad=1 stride=1x2 bias=off | silu |
        conv 10 kernel=2 dilation=2 pad=same stride=2 init=he | globalavgpool |
        linear classes | logsoftmax""",
        (15, 18, 3), 6, 3),
    "maxima": ("""
        conv 9 kernel=3 init=he | maxpool 3x2 stride=2x1 pad=1x0 | gelu |
        conv 10 kernel=3 pad=1 init=he | maxpool 3 stride=2 pad=same | gelu |
        conv 12 kernel=3 pad=same init=he | maxpool 2 | relu | maxpool 2x1 pad=same | flatten |
        linear classes init=he | logsoftmax""",
        (21, 24, 3), 8, 5),
    "mixed": ("""
        conv 6 kernel=3x2 stride=2x1 pad=1x0 init=he | gelu | avgpool 3x2 stride=1 pad=same |
        conv 8 kernel=3 stride=1x2 pad=same dilation=2x1 init=he | silu |
        avgpool 3x2 stride=2x1 pad=1 count_pad=off |
        depthwise kernel=5x3 stride=1x2 pad=same init=he | gelu |
        maxpool 2x3 stride=1x2 pad=1x0 | depthwise kernel=3 pad=2x1 dilation=2x1 init=he |
        avgpool 2 pad=same count_pad=off | gelu | maxpool 3 stride=2 pad=same | flatten |
        linear classes | logsoftmax""",
        (23, 30, 3), 7, 4),
    "groups": ("""
        conv 12 kernel=3 pad=1 groups=3 | gelu | conv 20 kernel=3x2 pad=same groups=4 bias=off |
        batchnorm | gelu as=x | conv 20 kernel=3 pad=2x3 dilation=2x3 groups=20 | silu |
        add from=x | conv 40 kernel=3 stride=2 pad=same groups=20 | gelu |
        conv 6 kernel=1 groups=2 | gelu | flatten | linear classes | logsoftmax""",
        (9, 11, 3), 7, 4),
    "pooled": ("""
        conv 18 kernel=3 pad=1 bias=off init=dirac | maxpool 2 | batchnorm affine=off | gelu |
        conv 9 kernel=3 pad=1 bias=off | maxpool 2 | gelu | conv 10 kernel=3 pad=1 | maxpool 2 |
        flatten | linear classes | logsoftmax""",
        (13, 16, 3), 9, 5),
    "smooth-activations": ("""
        conv 5 kernel=3 init=he | gelu | conv 7 kernel=3 init=he | silu |
        conv 6 kernel=3 init=he | sigmoid | flatten | linear 20 init=he |
        silu | linear classes init=he | logsoftmax""",
        (9, 8, 1), 9, 5),
    # a normalized value is tripled by adding it to itself, so that all pieces are met
    "kinked-activations": ("""
        conv 16 kernel=3 init=he | batchnorm as=a | add from=a | add from=a | relu6 as=b |
        conv 9 kernel=3 init=he | batchnorm as=c | add from=c | add from=c | hardswish |
        conv 12 kernel=3 init=he | batchnorm as=d | add from=d | add from=d | add from=d |
        hardsigmoid | conv 8 kernel=2 | relu | flatten | linear classes | logsoftmax""",
        (11, 12, 3), 8, 8),
    "squeeze": ("""
        conv 10 kernel=3 | gelu as=x | globalavgpool | conv 4 kernel=1 | silu |
        conv 10 kernel=1 | sigmoid as=w | mul from=x,w as=scaled | conv 10 kernel=3 pad=1 |
        mul from=scaled as=product | add from=x | groupnorm 5 | add from=scaled,groupnorm1 |
        avgpool 2 | flatten | linear 6 as=v | sigmoid | mul from=v | linear classes |
        logsoftmax""",
        (10, 11, 3), 7, 3),
    "shortcuts": ("""
        conv 5 kernel=3 pad=1 as=a | gelu as=b | conv 5 kernel=3 pad=1 | add from=b as=c |
        conv 8 kernel=3 stride=2 pad=1 as=d | avgpool 1 stride=2 from=c | padchannels 8 |
        add from=d as=e | batchnorm | gelu | depthwise kernel=3 pad=1 | add from=e |
        add from=e | padchannels 11 | globalavgpool | linear classes | logsoftmax""",
        (9, 11, 3), 6, 6),
    "drops": ("""
        conv 6 kernel=3 pad=1 | dropout p=0.3 | gelu as=a | conv 6 kernel=3 pad=1 |
        batchnorm | droppath p=0.4 | add from=a as=b | conv 6 kernel=1 | droppath |
        add from=b | avgpool 3 | flatten | dropout | linear 13 | silu | dropout p=0.15 |
        linear classes | logsoftmax""",
        (9, 9, 3), 9, 4),
}


def case(name):
    text, shape, batch, grain = CASES[name]
    lines = [line.strip() for line in text.split("|")]
    data = lockstep.pictures(*shape, 5, 30, 20)
    Agreement(name, lockstep.config(lines), data, batch, grain).check()


def frozen():
    """Frozen statistics, of a network that was trained before with moving ones."""
    lines = ["conv 7 kernel=3 bias=off", "batchnorm", "gelu", "conv 6 kernel=3 stride=2",
             "batchnorm affine=off", "gelu", "flatten", "linear 12", "batchnorm eps=0.1",
             "silu", "linear classes", "logsoftmax"]
    data = lockstep.pictures(10, 9, 3, 5, 30, 20)
    moving = Agreement("moving", lockstep.config(lines), data, 10, 4)
    lines = [line + " frozen=on" * line.startswith("batchnorm") for line in lines]
    still = Agreement("still", lockstep.config(lines), data, 10, 4)
    before = moving.train("before", 4, **{"optim.lr": 0.1})[-1]
    after = still.train("after", 1, before, **{"optim.lr": 0})[-1]
    state = lockstep.tensors(before)
    still.compare_step(0, state, None, after)
    still.evaluation(after)
    ours, theirs = lockstep.tensors(after), state
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs), "they moved"


def initial():
    """Initial values without a draw: PyTorch's dirac_, and zeros."""
    lines = ["conv 8 kernel=3 init=dirac", "groupnorm 4 init=zero", "add from=conv1", "gelu",
             "conv 5 kernel=4x3 pad=1 init=dirac bias=off", "batchnorm init=zero",
             "conv 6 kernel=1 init=zero from=conv2", "flatten", "linear classes init=zero",
             "linear classes from=flatten1", "add from=linear1", "logsoftmax"]
    lines[6:7] = ["add from=conv2", "conv 6 kernel=1 init=zero"]
    data = lockstep.pictures(10, 9, 3, 5, 30, 20)
    end = lockstep.train("initial", lockstep.config(lines), data, 1, **{"optim.lr": 0})
    ours = lockstep.tensors(end)
    for name in "conv1", "conv2":
        weight = ours[name + ".weight"]
        copies = min(weight.shape[:2])
        theirs = torch.nn.init.dirac_(torch.empty_like(weight))
        compare(f"{name} begins as copies", weight[:copies], theirs[:copies], 1e-30)
        if len(weight) > copies:
            assert float(weight[copies:].abs().min()) > 0, "the other filters begin as zeros"
    for name in "groupnorm1.weight", "batchnorm1.weight", "conv3.weight", "linear1.weight":
        assert not ours[name].any(), f"{name} does not begin as 0"


def named(name, shape, batch, grain):
    """A network by name, of its blocks."""
    text = lockstep.network_of(lockstep.run("models", name))
    data = lockstep.pictures(*shape, 5, 3 * batch, 20)
    Agreement(f"{name}-{grain}", text, data, batch, grain).check()


def blocks():
    """Parameters, defaults, lists, blocks in blocks, lines that are left out."""
    text = lockstep.config(
        ["conv 6 kernel=3 pad=1", "gelu", "twice channels=6 as=first",
         "twice channels=9 stride=2,1 repeat=2 as=second", "globalavgpool",
         "linear classes", "logsoftmax"],
        {"branch": ("channels stride=1 kernel=3", "conv $channels kernel=$kernel "
                    "stride=$stride pad=1 bias=off", "batchnorm", "gelu",
                    "conv $channels kernel=1 stride=$stride from=input if=input!=gelu1 "
                    "as=shortcut", "add from=gelu1"),
         "twice": ("channels stride=1", "branch channels=$channels stride=$stride as=a",
                   "branch channels=$channels as=b", "groupnorm 3 if=$stride==2", "silu")})
    Agreement("blocks", text, lockstep.pictures(9, 10, 3, 5, 24, 20), 8, 4).check()


CHECKS = {name: (lambda name=name: case(name)) for name in CASES} | {
    "frozen": frozen,
    "initial": initial,
    "blocks": blocks,
    "resnet20-batch": lambda: named("resnet20", (20, 18, 3), 6, 6),
    "resnet20-grains": lambda: named("resnet20", (20, 18, 3), 10, 4),
}

if __name__ == "__main__":
    main(CHECKS)
