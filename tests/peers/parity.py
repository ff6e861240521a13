#!/usr/bin/env python3
"""Compare lockstep's results with PyTorch's: networks without norms, optimizers, schedules.

    parity.py CHECK...        with LOCKSTEP=program, in a scratch folder ($TMPDIR)

PyTorch has the same networks, built from the config's layer lines (graph.py), with weights
from lockstep's checkpoints. It computes in double precision, so that only lockstep's rounding
counts. Each check prints its largest difference as a share of the allowed one, and fails
above 1. layers.py and networks.py compare layers and whole networks.
"""

import h5py
import numpy as np
import torch
from torch import nn

import lockstep
from compare import TOLERANCE, compare, compare_tensors, main
from graph import network
from lockstep import synth, tensors

# For networks with maxima and kinks: one of a million windows has two values that differ by
# rounding only, and its gradient may go to the other one.
CHOICES = 5e-3
IMAGES = 96  # a batch is the whole training set, so that the order does not matter

NETWORKS = {
    # configs/letters.conf
    "letters": """
        conv 32 kernel=3 | maxpool 2 | gelu | conv 64 kernel=3 | maxpool 2 | gelu |
        conv 128 kernel=3 | maxpool 2 | gelu | flatten | linear 512 | gelu |
        linear 256 | gelu | linear classes | logsoftmax""",
    # strides, padding, 14x14 -> 7x7 -> 3x3, dropout (off in evaluation), 3x3x20 flat
    "strided": """
        conv 9 kernel=5 stride=2 pad=2 | relu | conv 20 kernel=3 pad=1 |
        avgpool 3 stride=2 pad=1 | dropout p=0.3 | maxpool 2 | flatten | linear 50 |
        relu | dropout | linear classes | logsoftmax""",
    # pooled convolutions with odd numbers of channels and odd sizes, with padding
    "pooled": """
        conv 12 kernel=3 pad=1 | maxpool 2 | gelu | conv 21 kernel=3 | maxpool 2 | relu |
        conv 7 kernel=3 pad=1 | maxpool 3 stride=2 pad=1 | flatten | linear classes |
        logsoftmax""",
    # no maxima and no kinks: differences are rounding only
    "smooth": """
        conv 10 kernel=3 pad=1 | gelu | avgpool 2 | conv 17 kernel=4 stride=2 | gelu |
        avgpool 3 | flatten | linear 40 | gelu | linear classes | logsoftmax""",
}


def lines_of(name, dropout=True):
    lines = [line.strip() for line in NETWORKS[name].split("|")]
    return [line for line in lines if dropout or not line.startswith("dropout")]


def train(run, lines, data, steps, **keys):
    return lockstep.train(run, lockstep.config(lines), data, steps, **keys)


def loss_of(net, x, labels, smoothing):
    return nn.functional.cross_entropy(net(x), labels, label_smoothing=smoothing)


# --- checks ---


def logprobs(name, ema):
    data, run = synth(2000, 500), f"logprobs-{name}-{ema}"
    lines = lines_of(name)
    checkpoint = train(
        run, lines, data, 25, **{"optim.kind": "adamw", "optim.lr": 0.002, "train.ema": ema}
    )
    out = run + "-predictions.h5"
    lockstep.run("eval", checkpoint, "--data", data, "--out", out)
    x, labels, classes = lockstep.samples(data, "test")
    net = network(lines, x.shape[1:], classes).eval()
    net.load_state_dict(tensors(checkpoint, "ema" if ema else "weights"))
    theirs = net(x).detach()
    assert len(set(theirs.argmax(1).tolist())) > 5, "the network has learnt nothing"
    with h5py.File(out) as file:
        compare("log-probabilities", np.array(file["logprobs"]), theirs, TOLERANCE)
        assert (np.array(file["labels"]) == labels.numpy()).all()
        answers = torch.tensor(np.array(file["predicted"], dtype=np.int64))
        assert (answers == theirs.argmax(1)).float().mean() > 0.995


def start(name, run, steps, smoothing=0.0, **keys):
    """A network with lockstep's initial weights, its data, and lockstep's last checkpoint."""
    data = synth(IMAGES, 10)
    lines = lines_of(name, dropout=False)
    keys |= {"train.batch": IMAGES, "train.label_smoothing": smoothing}
    begin = train(run + "-begin", lines, data, 1, **{**keys, "optim.lr": 0})
    end = train(run, lines, data, steps, **keys)
    x, labels, classes = lockstep.samples(data, "train")
    net = network(lines, x.shape[1:], classes)
    net.load_state_dict(tensors(begin))
    return net, x, labels, end


def gradients(name, smoothing, grain):
    """One step of plain descent at rate 1 changes the weights by the gradient."""
    keys = {"optim.kind": "sgd", "optim.momentum": 0, "optim.lr": 1, "train.grain": grain}
    net, x, labels, end = start(name, f"gradients-{name}", 1, smoothing, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    loss = loss_of(net, x, labels, smoothing)
    loss.backward()
    theirs = {key: parameter.grad for key, parameter in net.named_parameters()}
    ours = {key: begin[key] - value for key, value in tensors(end).items()}
    share = TOLERANCE if name == "smooth" else CHOICES
    compare_tensors("gradient", ours, theirs, share=share)
    norm = torch.cat([grad.flatten() for grad in theirs.values()]).norm()
    with h5py.File(end) as file:
        history = file["metrics/train"]
        compare("loss", history["loss"][-1], loss.detach(), 1e-5)
        compare("norm of the gradient", history["grad_norm"][-1], norm, TOLERANCE * norm)


def groups(net, decay):
    """Weight decay is for weights, not for biases."""
    named = list(net.named_parameters())
    weights = [parameter for key, parameter in named if key.endswith("weight")]
    biases = [parameter for key, parameter in named if key.endswith("bias")]
    return [
        {"params": weights, "weight_decay": decay},
        {"params": biases, "weight_decay": 0},
    ]


def descend(net, x, labels, optimizer, steps, clip=None):
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(net, x, labels, 0).backward()
        if clip:
            norm = nn.utils.clip_grad_norm_(net.parameters(), clip)
            assert norm > 2 * clip, "nothing was clipped"
        optimizer.step()


def compare_state(net, optimizer, end, group, key):
    theirs = {
        name: optimizer.state[parameter][key] for name, parameter in net.named_parameters()
    }
    compare_tensors(key, tensors(end, f"optimizer/{group}"), theirs, rounding=0)


def sgd(steps=3):
    keys = {"optim.kind": "sgd", "optim.momentum": 0.8, "optim.nesterov": "on"}
    keys |= {"optim.weight_decay": 0.05, "optim.lr": 0.2}
    net, x, labels, end = start("smooth", "sgd", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(groups(net, 0.05), lr=0.2, momentum=0.8, nesterov=True)
    descend(net, x, labels, optimizer, steps)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)
    compare_state(net, optimizer, end, "momentum", "momentum_buffer")


def adamw(steps=3):
    # a large epsilon: Adam would turn the rounding noise of a zero gradient into a full step
    keys = {"optim.kind": "adamw", "optim.beta1": 0.8, "optim.beta2": 0.98}
    keys |= {"optim.weight_decay": 0.3, "optim.lr": 0.01, "optim.epsilon": 1e-3}
    net, x, labels, end = start("smooth", "adamw", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(net, 0.3), lr=0.01, betas=(0.8, 0.98), eps=1e-3)
    descend(net, x, labels, optimizer, steps)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)
    compare_state(net, optimizer, end, "m", "exp_avg")
    compare_state(net, optimizer, end, "v", "exp_avg_sq")


def clip(steps=2):
    keys = {"optim.kind": "sgd", "optim.momentum": 0.9, "optim.lr": 0.5, "train.clip": 0.02}
    net, x, labels, end = start("smooth", "clip", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    descend(net, x, labels, optimizer, steps, clip=0.02)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)


class Trust:
    """LARS (You et al. 2017, algorithm 1) or LAMB (You et al. 2020, algorithm 2), tensor by
    tensor; tensors without weight decay have a trust ratio of 1."""

    def __init__(self, net, direction, lr, decay):
        self.direction, self.lr, self.decay = direction, lr, decay
        self.named, self.state, self.step_number = list(net.named_parameters()), {}, 0

    def zero_grad(self):
        for _, parameter in self.named:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        self.step_number += 1
        for name, w in self.named:
            state = self.state.setdefault(w, {})
            decays = name.endswith("weight")
            self.direction(self, w, state, self.decay if decays else 0, decays)


def lars_step(o, w, state, decay, adapts, momentum=0.8, eta=0.02):
    norm, trust = w.norm(), 1
    if adapts:
        trust = eta * norm / (w.grad.norm() + decay * norm)
    v = momentum * state.get("v", 0) + o.lr * trust * (w.grad + decay * w)
    state["v"] = v
    w -= v


def lamb_step(o, w, state, decay, adapts, beta1=0.8, beta2=0.98, eps=1e-3):
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * w.grad
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * w.grad**2
    m = state["m"] / (1 - beta1**o.step_number)
    v = state["v"] / (1 - beta2**o.step_number)
    u = m / (v.sqrt() + eps) + decay * w
    w -= o.lr * (w.norm() / u.norm() if adapts else 1) * u


def lars(steps=4):
    keys = {"optim.kind": "lars", "optim.momentum": 0.8, "optim.trust": 0.02}
    keys |= {"optim.weight_decay": 0.05, "optim.lr": 2}
    net, x, labels, end = start("smooth", "lars", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = Trust(net, lars_step, 2, 0.05)
    descend(net, x, labels, optimizer, steps)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)
    compare_state(net, optimizer, end, "momentum", "v")


def lamb(steps=4):
    keys = {"optim.kind": "lamb", "optim.beta1": 0.8, "optim.beta2": 0.98}
    keys |= {"optim.weight_decay": 0.3, "optim.lr": 0.02, "optim.epsilon": 1e-3}
    net, x, labels, end = start("smooth", "lamb", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = Trust(net, lamb_step, 0.02, 0.3)
    descend(net, x, labels, optimizer, steps)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)
    compare_state(net, optimizer, end, "m", "m")
    compare_state(net, optimizer, end, "v", "v")


def lookahead(steps=7, every=3, alpha=0.4):
    keys = {"optim.kind": "sgd", "optim.momentum": 0.8, "optim.lr": 0.2}
    keys |= {"optim.lookahead": every, "optim.lookahead_alpha": alpha}
    net, x, labels, end = start("smooth", "lookahead", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    slow = {key: value.clone() for key, value in begin.items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.8)
    for step in range(1, steps + 1):
        descend(net, x, labels, optimizer, 1)
        if step % every == 0:
            for key, value in net.state_dict().items():
                slow[key] += alpha * (value - slow[key])
            net.load_state_dict(slow)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)
    compare_tensors("slow weights", tensors(end, "optimizer/slow"), slow, begin)


def param_groups(steps=4):
    """The head at five times the rate and half the decay, other biases at a tenth."""
    keys = {"optim.kind": "adamw", "optim.beta2": 0.98, "optim.epsilon": 1e-3}
    keys |= {"optim.weight_decay": 0.3, "optim.lr": 0.01}
    keys |= {"group head.match": "linear2", "group head.lr": 5}
    keys |= {"group head.weight_decay": 0.5}
    keys |= {"group biases.match": "*.bias", "group biases.lr": 0.1}
    net, x, labels, end = start("smooth", "groups", steps, **keys)
    begin = {key: value.clone() for key, value in net.state_dict().items()}
    members = []
    for key, parameter in net.named_parameters():
        head, bias = key.startswith("linear2"), key.endswith("bias")
        rate = 0.01 * (5 if head else 0.1 if bias else 1)
        decay = 0 if bias else 0.3 * (0.5 if head else 1)
        members.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    optimizer = torch.optim.AdamW(members, betas=(0.9, 0.98), eps=1e-3)
    descend(net, x, labels, optimizer, steps)
    compare_tensors("weights", tensors(end), net.state_dict(), begin)


def rates(name, make, steps=40, **keys):
    """The rates of all steps; make(optimizer) is PyTorch's schedule."""
    keys = {"optim.lr": 0.03, "train.batch": IMAGES} | keys
    end = train(name, ["flatten", "linear classes", "logsoftmax"], synth(IMAGES, 10), steps,
                **keys)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.03)
    schedule = make(optimizer, torch.optim.lr_scheduler, steps)
    theirs = []
    for _ in range(steps):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    with h5py.File(end) as file:
        compare("learning rates", file["metrics/train/lr"][:], np.array(theirs), 1e-9)


def onecycle(anneal, torch_anneal):
    keys = {"schedule.kind": "onecycle", "schedule.pct_start": 0.25, "schedule.div": 10}
    keys |= {"schedule.final_div": 100, "schedule.anneal": anneal}
    rates("onecycle-" + anneal, lambda optimizer, kinds, steps: kinds.OneCycleLR(
        optimizer, 0.03, steps, pct_start=0.25, div_factor=10, final_div_factor=100,
        cycle_momentum=False, anneal_strategy=torch_anneal), **keys)


def linear():
    rates("linear", lambda optimizer, kinds, steps: kinds.LinearLR(
        optimizer, 1, 0.1, steps - 1),
        **{"schedule.kind": "linear", "schedule.final": 0.1})


def polynomial():
    # the run is one batch an epoch: ten epochs of warm-up are ten steps
    rates("polynomial", lambda optimizer, kinds, steps: kinds.SequentialLR(
        optimizer, [kinds.LinearLR(optimizer, 0.1, 1, 9),
                    kinds.PolynomialLR(optimizer, steps - 10, 3)], [9]),
        **{"schedule.kind": "polynomial", "schedule.power": 3, "schedule.warmup": 10})


CHECKS = {
    "logprobs-letters": lambda: logprobs("letters", 0),
    "logprobs-averaged": lambda: logprobs("letters", 0.9),
    "logprobs-strided": lambda: logprobs("strided", 0),
    "logprobs-pooled": lambda: logprobs("pooled", 0),
    "gradients-smooth": lambda: gradients("smooth", 0.1, 32),
    "gradients-letters": lambda: gradients("letters", 0, 32),
    "gradients-strided": lambda: gradients("strided", 0.1, 20),
    "gradients-pooled": lambda: gradients("pooled", 0.2, 7),
    "sgd": sgd,
    "adamw": adamw,
    "clip": clip,
    "lars": lars,
    "lamb": lamb,
    "lookahead": lookahead,
    "groups": param_groups,
    "onecycle": lambda: onecycle("cosine", "cos"),
    "triangle": lambda: onecycle("linear", "linear"),
    "linear": linear,
    "polynomial": polynomial,
}


if __name__ == "__main__":
    main(CHECKS)
