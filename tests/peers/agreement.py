"""Does lockstep compute what a PyTorch network computes? Log-probabilities in training and
evaluation, gradients, and running statistics. PyTorch computes in double precision, so that
only lockstep's rounding counts."""

from collections import namedtuple

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lockstep
from compare import TOLERANCE, compare
from graph import DropPath, GrainNorm, network
from kinks import ROUNDS, Kinks


class Masks:
    """Dropout and droppath drop what lockstep drops. `graph` has the same layers, with
    lockstep's numbers."""

    def __init__(self, net, graph):
        numbers = [
            i for i, (_, layer, _) in enumerate(graph.layers) if isinstance(layer, nn.Dropout)
        ]
        dropped = [layer for layer in net.modules() if isinstance(layer, nn.Dropout)]
        assert len(numbers) == len(dropped), f"{len(numbers)} and {len(dropped)} dropouts"
        self.numbers = dict(zip(dropped, numbers))
        self.step, self.samples = 0, []
        for layer in dropped:
            layer.register_forward_hook(self.drop)

    def drop(self, layer, inputs, _):
        x = inputs[0]
        if not layer.training:
            return x
        shape = (1,) if isinstance(layer, DropPath) else (*x.shape[2:], x.shape[1])
        keep = torch.tensor(np.stack([
            lockstep.kept(layer.p, int(np.prod(shape)), self.numbers[layer], self.step, sample)
            for sample in self.samples
        ]))
        if len(shape) == 3:  # lockstep's images are (H, W, C)
            keep = keep.reshape(-1, *shape).permute(0, 3, 1, 2)
        elif isinstance(layer, DropPath):
            keep = keep.reshape(-1, *(1 for _ in x.shape[1:]))
        return x * keep / (1 - layer.p)


def load(net, tensors):
    """All tensors by their names; PyTorch's count of batches has no counterpart."""
    counts = {k: v for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")}
    net.load_state_dict(counts | tensors, strict=True)


def relative(what, ours, theirs, scales):
    """{name: tensor}: no element differs by more than TOLERANCE of its tensor's scale."""
    assert list(theirs) and set(ours) == set(theirs), (
        f"{what}: other tensors: {sorted(set(ours) ^ set(theirs))[:6]}"
    )
    worst = {
        name: float((ours[name] - theirs[name]).abs().max()) / scales[name] / TOLERANCE
        for name in theirs
    }
    name = max(worst, key=worst.get)
    print(f"  {what:34} {worst[name]:8.4f} of {TOLERANCE:g} relative, the worst: {name}")
    off = [name for name in worst if worst[name] > 1]
    assert not off, f"{what}: {name} differs most, and {off[-1]} nearest to the end"


def scales_of(tensors):
    """What differences are relative to: the largest element of each tensor, but at least a
    tenth of the largest in its layer, because some gradients are zero save for rounding:
    that of a bias in front of a norm, and that of a norm's weight if a relu, a depthwise
    convolution and another norm follow. The scale of a mean is the deviation, if larger."""
    largest = {name: float(value.abs().max()) for name, value in tensors.items()}
    scales = {}
    for name, size in largest.items():
        layer = name.rpartition(".")[0] + "."
        of_layer = max(largest[other] for other in largest if other.startswith(layer))
        scales[name] = max(size, of_layer / 10)
        if name.endswith("running_mean"):
            scales[name] = max(size, largest[layer + "running_var"] ** 0.5)
        assert scales[name] > 0, f"{name}: nothing to compare"
    return scales


def follow_soon(line):
    """Statistics that move fast: with those of the first steps all images would be alike."""
    words = [word for word in line.split() if not word.startswith("momentum=")]
    return " ".join(words) + " momentum=0.4\n" if words[2:3] == ["batchnorm"] else line


Settled = namedtuple("Settled", "loss theirs scales worst turned samples head")


class Agreement:
    """One network in both. text: its config; plain(shape, classes): its PyTorch module, by
    default the one that the config's lines say; start: a checkpoint to begin with."""

    rate, momentum, decay = 0.02, 0.5, 0.05

    def __init__(self, name, text, data, batch, grain=None, plain=None, start=None):
        self.name, self.text, self.data, self.start = name, text, data, start
        self.batch, self.grain = batch, grain or batch
        self.x, self.labels, self.classes = lockstep.samples(data, "train")
        shape = self.x.shape[1:]
        graph = network(text, shape, self.classes)
        self.net = plain(shape, self.classes).double() if plain else graph
        self.masks = Masks(self.net, graph)
        self.parameters = dict(self.net.named_parameters())

    def train(self, what, steps, init=None, **keys):
        """Returns the checkpoints after each step."""
        keys = {
            "train.batch": self.batch, "train.grain": self.grain, "optim.kind": "sgd",
            "optim.lr": self.rate, "optim.momentum": self.momentum,
            "optim.weight_decay": self.decay, "checkpoint.every_steps": 1,
            "checkpoint.keep": steps, "checkpoint.keep_best": "off",
        } | keys
        folder = f"{self.name}-{what}"
        lockstep.train(folder, self.text, self.data, steps, init or self.start, **keys)
        return [lockstep.checkpoint(folder, step + 1) for step in range(steps)]

    def step(self, number):
        """Forward and backward of a step; returns its mean loss, and its grains."""
        self.net.train()
        self.net.zero_grad()
        total = 0
        grains = lockstep.grains(number, len(self.x), self.batch, self.grain)
        samples = sum(len(grain) for grain in grains)
        for grain in grains:
            self.masks.step, self.masks.samples = number, grain
            y = self.net(self.x[grain])
            loss = F.cross_entropy(y, self.labels[grain], reduction="sum") / samples
            loss.backward(retain_graph=True)
            total += loss.item()
        for layer in self.net.modules():
            if isinstance(layer, GrainNorm):
                layer.end_step()
        return total, grains

    def gradients(self, state, before, after):
        """lockstep's of the step that begins with `state`, without the decay, which biases and
        norms do not have. before, after: checkpoints; before=None: it is the first step of a
        run."""
        velocity = lockstep.tensors(after, "optimizer/momentum")
        found = {name: velocity[name] for name in velocity if name in self.parameters}
        if before:
            velocity = lockstep.tensors(before, "optimizer/momentum")
            found = {name: found[name] - self.momentum * velocity[name] for name in found}
        return {
            name: value - (self.decay * state[name] if value.dim() > 1 else 0)
            for name, value in found.items()
        }

    def settle(self, number, state, found):
        """The step in PyTorch, with the choices at near ties that come nearest to the gradients
        `found`; returns its Settled."""
        kinks = Kinks(self.net)
        for _ in range(ROUNDS):
            load(self.net, state)
            kinks.begin()
            head = Head(self.net)
            loss, grains = self.step(number)
            head.hook.remove()
            theirs = {name: value.grad.clone() for name, value in self.parameters.items()}
            scales = scales_of(theirs)
            difference = {name: found[name] - theirs[name] for name in theirs}
            worst = max(float(difference[k].abs().max()) / scales[k] for k in theirs)
            if worst <= TOLERANCE or not kinks.choose(
                    difference, self.parameters, scales, len(grains), TOLERANCE):
                break
        turned = sum(len(places) for places in kinks.other.values())
        kinks.remove()
        return Settled(loss, theirs, scales, worst, turned, sum(grains, []), head)

    def compare_step(self, number, state, before, after):
        """Loss, gradient and log-probabilities of a step; see gradients()."""
        found = self.gradients(state, before, after)
        settled = self.settle(number, state, found)
        if settled.turned:
            print(f"  {settled.turned} near ties were decided otherwise")
        compare(f"loss, step {number + 1}", lockstep.history(after, "loss")[-1], settled.loss,
                TOLERANCE * settled.loss)
        relative(f"gradients, step {number + 1}", found, settled.theirs, settled.scales)
        settled.head.compare(
            f"step {number + 1}", found, self.labels[settled.samples], self.classes)

    def find_errors(self, tensors, error=1e-3):
        """The comparison of the first step notices one wrong element of a tensor, in each of
        `tensors` that are spread over the network: near ties do not explain it."""
        begin, after = self.train("right", 1, **{"optim.lr": 0}), self.train("wrong", 1)
        state = {name: value.clone() for name, value in self.net.state_dict().items()}
        state |= lockstep.tensors(begin[0])
        found = self.gradients(state, None, after[0])
        settled = self.settle(0, state, found)
        assert settled.worst <= TOLERANCE, "the gradients differ already"
        names, least = list(self.parameters), float("inf")
        for i in range(tensors):
            name = names[i * (len(names) - 1) // (tensors - 1)]
            wrong = found[name].clone()
            wrong.view(-1)[wrong.numel() // 2] += error * float(wrong.abs().max())
            worst = self.settle(0, state, found | {name: wrong}).worst
            assert worst > TOLERANCE, f"a wrong gradient of {name} is not noticed"
            least = min(least, worst)
        print(f"  a wrong gradient of {error:g} in one of {tensors} tensors is noticed, "
              f"as {least:.2e} at least")

    def three_steps(self):
        """Each step begins with lockstep's weights; running statistics are PyTorch's own."""
        begin = self.train("begin", 1, **{"optim.lr": 0})
        after = self.train("steps", 3)
        before = begin + after[:2]
        if self.start:
            load(self.net, lockstep.tensors(self.start))
        for number in range(3):
            state = {name: value.clone() for name, value in self.net.state_dict().items()}
            weights = lockstep.tensors(before[number])
            assert {name for name in weights if "running_" not in name} == set(self.parameters)
            state |= {name: weights[name] for name in self.parameters}
            self.compare_step(number, state, before[number] if number else None, after[number])
        ours, theirs = lockstep.tensors(after[-1]), self.net.state_dict()
        theirs = {name: theirs[name] for name in ours if "running_" in name}
        if theirs:
            ours = {name: ours[name] for name in theirs}
            relative("running statistics, step 3", ours, theirs, scales_of(theirs))

    def evaluation(self, checkpoint):
        """Log-probabilities of the test images."""
        out = f"{self.name}-predictions.h5"
        lockstep.run("eval", checkpoint, "--data", self.data, "--out", out)
        load(self.net, lockstep.tensors(checkpoint))
        x, _, _ = lockstep.samples(self.data, "test")
        with torch.no_grad():
            theirs = F.log_softmax(self.net.eval()(x), 1)
        assert float(theirs.std(0).max()) > 1e-3, "all images are alike to the network"
        with h5py.File(out) as file:
            ours = torch.tensor(file["logprobs"][:], dtype=torch.float64)
        compare("log-probabilities, evaluation", ours, theirs,
                TOLERANCE * float(theirs.abs().max()))

    def check(self):
        self.three_steps()
        self.text = "".join(map(follow_soon, self.text.splitlines(True)))
        keys = {"optim.lr": self.rate / 10, "checkpoint.every_steps": 0}
        longer = self.train("longer", 8, **keys)
        self.evaluation(longer[-1])


class Head:
    """Log-probabilities in training mode. lockstep writes none, but the gradient of the last
    linear layer has them: it is D^T [features 1], where row i of D is (p_i - onehot_i) / N.
    The features are PyTorch's. The more alike they are, the more of the gradient's rounding
    is in D."""

    def __init__(self, net):
        self.layer = [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1]
        names = {layer: name for name, layer in net.named_modules()}
        self.name, self.features, self.logits = names[self.layer], [], []
        self.hook = self.layer.register_forward_hook(self.watch)

    def watch(self, _, inputs, output):
        self.features.append(inputs[0].detach().flatten(1))
        self.logits.append(output.detach().flatten(1))

    def compare(self, what, ours, labels, classes):
        features, logits = torch.cat(self.features), torch.cat(self.logits)
        gradient = ours[self.name + ".weight"]
        if self.layer.bias is not None:
            features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
            gradient = torch.cat([gradient, ours[self.name + ".bias"][:, None]], dim=1)
        d = torch.linalg.lstsq(features.T, gradient.T).solution
        p = d * len(labels) + F.one_hot(labels, classes)
        theirs = F.softmax(logits, 1)
        # rounding of the gradient, and TOLERANCE of a log-probability of 1
        allowed = 5e-7 * float(torch.linalg.cond(features)) + TOLERANCE * theirs
        assert float(allowed.max()) < 0.02, "all images are alike to the network"
        compare(f"log-probabilities, training, {what}", p / allowed, theirs / allowed, 1)
