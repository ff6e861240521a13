#!/usr/bin/env python3
"""Compare the network cifar_fast with airbench94, written down in plain PyTorch (networks.py).

    airbench.py CHECK...      with LOCKSTEP=program, in a scratch folder ($TMPDIR)

K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (arXiv 2404.00498). A batch
is a single grain, the whole training set, so that neither the order nor the statistics of
parts matter; PyTorch computes in double precision, with the paper's summed loss.
"""

import re

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lockstep
from compare import TOLERANCE, compare, compare_tensors, main
from lockstep import tensors
from networks import Airbench

IMAGES, CLASSES = 40, 4
# With maxima: of the ten thousand windows of the last pool, one may have two values that differ
# by rounding only; its gradient goes to the other one, a hundredth of the gradients' norm.
CHOICES = 0.02
STEPS = 1e-3  # rounding grows from step to step

# airbench94's
LR, MOMENTUM, DECAY, BIAS_SCALER = 11.5, 0.85, 0.0153, 64
KILOSTEP = 1024 * (1 + 1 / (1 - MOMENTUM))


# --- lockstep ---


def data():
    return lockstep.pictures(32, 32, 3, CLASSES, IMAGES, 40)


def samples(split):
    return lockstep.samples(data(), split)[:2]


def train(run, steps, pool="max", **keys):
    """Trains the network, or one with other pools; returns its last checkpoint."""
    config = lockstep.run("models", "cifar_fast").replace("= maxpool", f"= {pool}pool")
    keys = {"train.batch": IMAGES, "train.grain": IMAGES, "augment.flip": "off",
            "augment.crop": 0, "optim.lr": LR / KILOSTEP * IMAGES} | keys
    return lockstep.train(run, config, data(), steps, **keys)


# --- airbench94 ---


def net_of(checkpoint, statistics, pool=F.max_pool2d):
    net = Airbench((3, 32, 32), CLASSES, pool).double()
    weights = tensors(checkpoint)
    if not statistics:
        weights = {k: v for k, v in weights.items() if "running" not in k}
    left = net.load_state_dict(weights, strict=False)
    assert not left.unexpected_keys, left
    missing = [key for key in left.missing_keys if not re.search(
        r"norm..(weight|num_batches_tracked)" + ("" if statistics else "|running"), key)]
    assert not missing, missing
    return net


def optimizer_of(net, batch):
    lr, decay = LR / KILOSTEP, DECAY * batch / KILOSTEP
    norms = [p for k, p in net.named_parameters() if "norm" in k and p.requires_grad]
    others = [p for k, p in net.named_parameters() if "norm" not in k and p.requires_grad]
    return torch.optim.SGD(
        [dict(params=norms, lr=lr * BIAS_SCALER, weight_decay=decay / (lr * BIAS_SCALER)),
         dict(params=others, lr=lr, weight_decay=decay / lr)], momentum=MOMENTUM, nesterov=True)


def triangle(step, steps, start=0.2, end=0.07, peak=0.23):
    return float(np.interp(step, [0, int(peak * steps), steps], [start, 1, end]))


class Lookahead:
    def __init__(self, net, steps, every):
        self.net, self.steps, self.every = net, steps, every
        self.slow = {k: v.clone() for k, v in net.state_dict().items()}

    def after(self, done):
        last = done == self.steps
        if not self.every or done % self.every and not last:
            return
        keep = 1.0 if last else 0.95**5 * (done / self.steps) ** 3
        for key, value in self.net.state_dict().items():
            if value.dtype.is_floating_point:
                self.slow[key].lerp_(value, 1 - keep)
                value.copy_(self.slow[key])


def whitening_filters(x):
    """Half of them, in rows; the others are their negatives."""
    patches = x.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    return (vectors / (values + 5e-4).sqrt()).T


def descend(net, steps, lookahead=0, bias_epochs=3):
    """An epoch is one step."""
    x, labels = samples("train")
    optimizer = optimizer_of(net, IMAGES)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: triangle(i, steps))
    slow = Lookahead(net, steps, lookahead)
    net.train()
    for step in range(steps):
        net.whiten.bias.requires_grad = step < bias_epochs
        ended = None if step < bias_epochs else net.whiten.bias.clone()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), labels, label_smoothing=0.2, reduction="sum").backward()
        optimizer.step()
        schedule.step()
        slow.after(step + 1)
        if ended is not None: # here lockstep's lookahead leaves it alone, too
            with torch.no_grad():
                net.whiten.bias.copy_(ended)


def views(net, x):
    def mirrored(x):
        return 0.5 * net(x) + 0.5 * net(x.flip(-1))

    padded = F.pad(x, (1,) * 4, "reflect")
    moved = [mirrored(padded[:, :, i:i + 32, i:i + 32]) for i in (0, 2)]
    return 0.5 * mirrored(x) + 0.5 * torch.stack(moved).mean(0)


# --- checks ---


def whitening():
    """Filters are the same up to order and sign: so is the sum of their outer products."""
    filters = whitening_filters(samples("train")[0])
    theirs = filters.T @ filters
    w = tensors(train("whitening", 1))["whiten.weight"].reshape(24, 12)
    compare("filters and their negatives", w[:12], -w[12:], 1e-30)
    compare("outer products", w[:12].T @ w[:12], theirs, 1e-4 * float(theirs.abs().max()))
    largest = [row[row.abs().argmax()] > 0 for row in w[:12]]
    norms = w[:12].norm(dim=1)
    assert all(largest) and (norms.diff() >= 0).all(), "order or sign of the filters"


def dirac():
    weights = tensors(train("dirac", 1, **{"optim.lr": 0}))
    for name, w in weights.items():
        if "conv" not in name:
            continue
        copies = torch.zeros_like(w[:w.shape[1]])
        nn.init.dirac_(copies)
        compare(name, w[:w.shape[1]], copies[:len(w)], 1e-30)


def trained(state, net):
    names = {k for k, p in net.named_parameters() if "whiten.weight" in k or p.requires_grad}
    return {k: v for k, v in state.items() if k in names or "running" in k}


def step(steps, lookahead, share, pool="max"):
    """Each element of each tensor with means for maxima; else each tensor's norm."""
    kind = {"max": F.max_pool2d, "avg": F.avg_pool2d}[pool]
    none = {"optim.lr": 0, "optim.lookahead": 0}
    first = train(f"begin-{steps}-{pool}", 1, pool, **none)
    end = train(f"step-{steps}-{pool}", steps, pool, **{"optim.lookahead": lookahead})
    net = net_of(first, False, kind)
    since = {k: v.clone() for k, v in net.state_dict().items()}
    descend(net, steps, lookahead)
    net.whiten.bias.requires_grad = True
    theirs, ours = trained(net.state_dict(), net), tensors(end)
    compare("fixed filters", ours.pop("whiten.weight"), theirs.pop("whiten.weight"), 1e-30)
    if pool == "avg":
        compare_tensors("after the steps", ours, theirs, since, share=share)
        return
    for name, value in theirs.items():
        change = float((value - since[name]).norm())
        assert change > 0, f"{name}: nothing to compare"
        compare(name, (ours[name] - value).norm(), torch.tensor(0.0), share * change)


def answers():
    end = train("answers", 12, **{"eval.views": "none"})
    x, labels = samples("test")
    net = net_of(end, True).eval()
    with torch.no_grad():
        wanted = {"none": net(x), "mirror": 0.5 * net(x) + 0.5 * net(x.flip(-1)),
                  "mirror+shift": views(net, x)}
    for name, outputs in wanted.items():
        theirs = F.log_softmax(outputs, dim=1)
        assert len(set(theirs.argmax(1).tolist())) > 2, "the network has learnt nothing"
        lockstep.run("eval", end, "--data", data(), "--views", name, "--out", name + ".h5")
        with h5py.File(name + ".h5") as file:
            compare("views = " + name, np.array(file["logprobs"]), theirs, TOLERANCE)
    assert (wanted["mirror"] - wanted["mirror+shift"]).abs().max() > 1e-2


CHECKS = {
    "whitening": whitening,
    "dirac": dirac,
    "smooth": lambda: step(1, 0, TOLERANCE, "avg"),
    "step": lambda: step(1, 0, CHOICES),
    "steps": lambda: step(7, 2, STEPS, "avg"),
    "views": answers,
}

if __name__ == "__main__":
    main(CHECKS)
