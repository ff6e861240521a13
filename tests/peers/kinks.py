"""Where a gradient depends on a choice: kinks of activations, and maxima of windows.

Two values of a window, or a value and a kink, may be closer to each other than lockstep's
rounding. Then lockstep may choose the other side, and its gradient differs by exactly what
flows through that one element. Such differences are found element by element and taken away;
what is left must agree.
"""

import torch
from torch import nn
from torch.nn import functional as F

from graph import Same

# {place: by how much the derivative rises there}
JUMPS = {
    nn.ReLU: {0: 1},
    nn.ReLU6: {0: 1, 6: -1},
    nn.Hardswish: {-3: -0.5, 3: -0.5},
    nn.Hardsigmoid: {-3: 1 / 6, 3: -1 / 6},
}
NEAR = 1e-5  # of the values' mean square: what counts as a tie
MOST = 60  # ties that are tried


class Kinks:
    """Watches a network's forward passes in training mode. The backward pass must keep its
    graph."""

    def __init__(self, net):
        self.passes = []
        for layer in net.modules():
            if self.has(layer):
                layer.register_forward_hook(self.watch)

    @staticmethod
    def has(layer):
        return type(layer) in JUMPS or isinstance(layer, nn.MaxPool2d)

    def watch(self, layer, inputs, output):
        if layer.training and output.requires_grad:
            output.retain_grad()
            self.passes.append((layer, inputs[0], output))

    def ties(self):
        """(how near, a scalar whose gradient is added if the choice is the other one)."""
        for layer, x, y in self.passes:
            scale = float(x.detach().pow(2).mean().sqrt())
            find = self.windows if isinstance(layer, nn.MaxPool2d) else self.kinks
            for distance, scalar in find(layer, x, y, NEAR * scale):
                yield distance / scale, scalar

    def kinks(self, layer, x, y, near):
        x, gradient = x.flatten(), y.grad.flatten()
        for place, jump in JUMPS[type(layer)].items():
            distance = x.detach() - place
            found = (distance.abs() < near) & (distance != 0) & (gradient != 0)
            for i in found.nonzero()[:, 0].tolist():
                sign = -1 if distance[i] > 0 else 1
                yield abs(float(distance[i])), sign * jump * gradient[i] * x[i]

    def windows(self, layer, x, y, near):
        if isinstance(layer, Same):
            around = layer.around(x)
        else:
            pad = layer.padding if isinstance(layer.padding, tuple) else (layer.padding,) * 2
            around = [pad[1], pad[1], pad[0], pad[0]]
        padded = F.pad(x, around, value=float("-inf"))
        n, c = x.shape[:2]
        taps = F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride)
        taps = taps.reshape(n, c, -1, taps.shape[-1])  # (N, C, taps, windows)
        if taps.shape[2] < 2:
            return
        top = taps.topk(2, dim=2).values
        distance = (top[:, :, 0] - top[:, :, 1]).detach()
        gradient = y.grad.flatten(2)
        for i in ((distance < near) & (distance > 0) & (gradient != 0)).nonzero().tolist():
            first, second = top[i[0], i[1], :, i[2]]
            how = distance[tuple(i)], gradient[tuple(i)]
            yield float(how[0]), how[1] * (second - first)

    def explain(self, difference, parameters, agrees):
        """Takes from the difference of gradients ({name: tensor}, in place) what other
        choices at ties explain, the nearest first, until it agrees(). Returns how many
        choices were other ones, and how many ties there are."""
        tied = sorted(self.ties(), key=lambda tie: tie[0])
        turned, names = 0, list(parameters)
        for _, scalar in tied[:MOST]:
            if agrees():
                break
            found = torch.autograd.grad(
                scalar, [parameters[name] for name in names], retain_graph=True,
                allow_unused=True,
            )
            step = {name: found for name, found in zip(names, found) if found is not None}
            length = sum(float((value**2).sum()) for value in step.values())
            along = sum(float((difference[name] * step[name]).sum()) for name in step)
            if length > 0 and along > length / 2:
                turned += 1
                for name, value in step.items():
                    difference[name] -= value
        return turned, len(tied)
