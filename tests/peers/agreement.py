"""Does lockstep compute what a PyTorch network computes? Log-probabilities in training and
evaluation, gradients, and running statistics. PyTorch computes in double precision, so that
only lockstep's rounding counts."""

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lockstep
from compare import TOLERANCE, compare
from graph import DropPath, GrainNorm, network
from kinks import Kinks


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
    net.load_state_dict(tensors | counts, strict=True)


def groups(net, decay):
    """Weight decay is for weights of convolutions and linear layers, not for biases and
    norms."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0},
    ]


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
    assert worst[name] <= 1, f"{what} {name} differs"


def scales_of(tensors):
    """What differences are relative to: the largest element of each tensor, but at least a
    hundredth of the largest in its layer, because some gradients are zero save for rounding:
    that of a bias in front of a norm, and that of a norm's weight if a relu, a depthwise
    convolution and another norm follow. The scale of a mean is the deviation, if larger."""
    largest = {name: float(value.abs().max()) for name, value in tensors.items()}
    scales = {}
    for name, size in largest.items():
        layer = name.rpartition(".")[0] + "."
        of_layer = max(largest[other] for other in largest if other.startswith(layer))
        scales[name] = max(size, of_layer / 100)
        if name.endswith("running_mean"):
            scales[name] = max(size, largest[layer + "running_var"] ** 0.5)
        assert scales[name] > 0, f"{name}: nothing to compare"
    return scales


class Agreement:
    """One network in both. text: its config; plain(shape, classes): its PyTorch module, by
    default the one that the config's lines say."""

    def __init__(self, name, text, data, batch, grain=None, plain=None, **keys):
        self.name, self.text, self.data = name, text, data
        self.batch, self.grain = batch, grain or batch
        self.keys = {"train.batch": batch, "train.grain": self.grain, "optim.kind": "sgd"} | keys
        self.x, self.labels, self.classes = lockstep.samples(data, "train")
        # At rate 0 the momentum is the gradient, without the weights' rounding.
        self.begin = self.train("begin", 1, **{"optim.lr": 0, "optim.momentum": 0.5})
        shape = self.x.shape[1:]
        self.graph = network(text, shape, self.classes)
        self.net = plain(shape, self.classes).double() if plain else self.graph
        self.masks = Masks(self.net, self.graph)
        self.smooth = not any(Kinks.has(layer) for layer in self.net.modules())

    def train(self, what, steps, init=None, **keys):
        return lockstep.train(
            f"{self.name}-{what}", self.text, self.data, steps, init=init,
            **(self.keys | keys),
        )

    def step(self, number):
        """Forward and backward of a step's grains; returns its mean loss."""
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
        return total

    def gradients(self, what, checkpoint, begin):
        """The gradient of a step that began with the weights of `begin`."""
        load(self.net, lockstep.tensors(begin))
        if begin == checkpoint:  # a first step at rate 0: only statistics moved
            self.reset_statistics()
        kinks, head = Kinks(self.net), Head(self.net)
        loss = self.step(0)
        parameters = dict(self.net.named_parameters())
        theirs = {name: value.grad for name, value in parameters.items()}
        ours = lockstep.tensors(checkpoint, "optimizer/momentum")
        ours = {name: ours[name] for name in ours if name in theirs}
        compare(f"loss, {what}", lockstep.history(checkpoint, "loss")[-1], loss, 1e-5)
        difference = {name: ours[name] - theirs[name] for name in theirs}
        scales = scales_of(theirs)
        agrees = lambda: all(
            float(difference[name].abs().max()) <= TOLERANCE * scales[name] for name in theirs
        )
        if not agrees():
            turned, ties = kinks.explain(difference, parameters, agrees)
            print(f"  {turned} of {ties} near ties were decided otherwise")
        ours = {name: theirs[name] + difference[name] for name in theirs}
        relative(f"gradients, {what}", ours, theirs, scales)
        head.compare(what, ours, self, lockstep.grains(0, len(self.x), self.batch, self.grain))
        kinks.passes.clear()

    def reset_statistics(self):
        for layer in self.net.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.reset_running_stats()

    def three_steps(self):
        """Running statistics after three steps of descent from the initial weights. Without
        kinks and maxima, the weights too; else the rate is so small that a gradient which
        went another way matters little."""
        lr = 0.1 if self.smooth else 0.005
        keys = {"optim.lr": lr, "optim.momentum": 0.9, "optim.weight_decay": 0.05}
        end = self.train("three", 3, **keys)
        begin = lockstep.tensors(self.begin)
        load(self.net, begin)
        self.reset_statistics()
        optimizer = torch.optim.SGD(groups(self.net, 0.05), lr=lr, momentum=0.9)
        for number in range(3):
            self.step(number)
            optimizer.step()
        ours, theirs = lockstep.tensors(end), self.net.state_dict()
        statistics = {name: theirs[name] for name in ours if "running_" in name}
        if statistics:
            found = {name: ours[name] for name in statistics}
            relative("running statistics, three steps", found, statistics,
                     scales_of(statistics))
        if self.smooth:
            change = {name: value.detach() - begin[name]
                      for name, value in self.net.named_parameters()}
            found = {name: ours[name] - begin[name] for name in change}
            scales = {name: float(value.abs().max()) + 2e-7 / TOLERANCE
                      for name, value in change.items()}
            relative("change of weights, three steps", found, change, scales)
        return end

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
        self.gradients("initial weights", self.begin, self.begin)
        three = self.three_steps()
        self.evaluation(three)
        again = self.train("again", 1, three, **{"optim.lr": 0, "optim.momentum": 0.5})
        self.gradients("after three steps", again, three)


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

    def compare(self, what, ours, agreement, grains):
        self.hook.remove()
        features, logits = torch.cat(self.features), torch.cat(self.logits)
        gradient = ours[self.name + ".weight"]
        if self.layer.bias is not None:
            features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
            gradient = torch.cat([gradient, ours[self.name + ".bias"][:, None]], dim=1)
        labels = agreement.labels[sum(grains, [])]
        d = torch.linalg.lstsq(features.T, gradient.T).solution
        p = d * len(labels) + F.one_hot(labels, agreement.classes)
        theirs = F.log_softmax(logits, 1)
        likely = theirs > -7  # a gradient says little of what is less than a thousandth
        rounding = 1e-7 * float(torch.linalg.cond(features))
        assert rounding < 0.01, "all images are alike to the network"
        compare(f"log-probabilities, training, {what}", p.clamp(min=1e-9).log()[likely],
                theirs[likely], max(TOLERANCE * float(theirs.abs().max()), rounding))
