"""Where a gradient depends on a choice: kinks of activations, and maxima of windows.

Two values of a window, or a value and a kink, may be closer to each other than lockstep's
rounding. Then lockstep may choose the other side, and its gradient differs by what flows
through that one element. Such choices are found from the end of the network, by what they
would change in the gradients of the layers just before; PyTorch then makes the same choice,
and all gradients are compared as strictly as without ties.

A choice changes the gradients of the layers before it alone. So the last layer that differs is
explained by a choice right behind it, or by none: then the search ends, as choices further
ahead could only hide what is wrong. Between it and the choices before it nothing else differs;
so these layers tell what was chosen, and a choice that was a mistake is taken back by them.
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
NEAR = 5e-5  # of the values' root mean square: a tie, after rounding in many layers
ROUNDS = 50  # one layer's choices in each: 17 where rounding is six times lockstep's
ELEMENTS = 20000  # of each tensor, evenly spread, by which choices are found


def is_kinked(layer):
    return type(layer) in JUMPS or isinstance(layer, nn.MaxPool2d)


def sample(tensor):
    """In one row."""
    return tensor.flatten()[:: -(-tensor.numel() // ELEMENTS)]


class Kinks:
    """Watches a network's forward passes in training mode; begin() comes before each step.
    The backward pass must keep its graph."""

    def __init__(self, net):
        self.names = {layer: name for name, layer in net.named_modules()}
        self.other = {}  # {number of a pass: the places where the other side is chosen}
        self.hooks = [
            layer.register_forward_hook(self.pass_kink if is_kinked(layer) else self.note)
            for layer in net.modules()
            if is_kinked(layer) or list(layer.parameters(recurse=False))
        ]
        self.begin()

    def begin(self):
        self.passes, self.noted, self.before = [], [], []

    def remove(self):
        self.begin()
        for hook in self.hooks:
            hook.remove()

    def note(self, layer, inputs, output):
        self.noted.append(self.names[layer])

    def pass_kink(self, layer, inputs, output):
        if not layer.training or not output.requires_grad:
            return output
        x, places = inputs[0], self.other.get(len(self.passes), [])
        turn = self.turn_window if isinstance(layer, nn.MaxPool2d) else self.turn_kink
        for place in places:
            change = turn(layer, x, place)
            change = change - change.detach()  # of the gradient alone
            output = output + F.one_hot(torch.tensor(place[0]), output.numel()).reshape(
                output.shape) * change
        output.retain_grad()
        if self.noted:
            self.before, self.noted = self.noted, []
        self.passes.append((layer, x, output, self.before))
        return output

    # A place is (index in the output, what else turn_... needs).

    @staticmethod
    def turn_kink(layer, x, place):
        return place[1] * x.flatten()[place[0]]

    @staticmethod
    def find_kinks(layer, x, near):
        x = x.detach().flatten()
        for kink, jump in JUMPS[type(layer)].items():
            distance = x - kink
            for i in ((distance.abs() < near) & (distance != 0)).nonzero()[:, 0].tolist():
                yield i, (-jump if distance[i] > 0 else jump)

    @staticmethod
    def windows(layer, x):
        """(N C windows, taps)"""
        if isinstance(layer, Same):
            around = layer.around(x)
        else:
            pad = layer.padding if isinstance(layer.padding, tuple) else (layer.padding,) * 2
            around = [pad[1], pad[1], pad[0], pad[0]]
        n, c = x.shape[:2]
        padded = F.pad(x, around, value=float("-inf"))
        taps = F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride)
        return taps.reshape(n, c, -1, taps.shape[-1]).transpose(2, 3).flatten(0, 2)

    @classmethod
    def turn_window(cls, layer, x, place):
        first, second = cls.windows(layer, x)[place[0]].topk(2).values
        return second - first

    @classmethod
    def find_windows(cls, layer, x, near):
        taps = cls.windows(layer, x.detach())
        if taps.shape[1] > 1:
            top = taps.topk(2).values
            distance = top[:, 0] - top[:, 1]
            for i in ((distance < near) & (distance > 0)).nonzero()[:, 0].tolist():
                yield (i,)

    def ties(self, number):
        """Of a pass: (place, the gradient that the other choice adds, as a function)."""
        layer, x, y, _ = self.passes[number]
        pool = isinstance(layer, nn.MaxPool2d)
        find, turn = (
            (self.find_windows, self.turn_window) if pool else (self.find_kinks, self.turn_kink)
        )
        near = NEAR * float(x.detach().pow(2).mean().sqrt())
        gradient = y.grad.flatten()
        for place in find(layer, x, near):
            if gradient[place[0]] != 0:
                back = -1 if place in self.other.get(number, []) else 1
                yield place, back * gradient[place[0]] * turn(layer, x, place)

    def columns(self, numbers, parameters, names, scales, least):
        """Of all ties in these passes: (number, place), and what the other choice adds to the
        gradients of `names`, in one row, relative to their scales."""
        found, columns = [], []
        for number in numbers:
            for place, change in self.ties(number):
                parts = torch.autograd.grad(
                    change, [parameters[name] for name in names], retain_graph=True,
                    allow_unused=True)
                column = torch.cat([
                    sample(torch.zeros_like(parameters[name]) if part is None else part)
                    / scales[name] for name, part in zip(names, parts)])
                if float(column.abs().max()) > least:
                    found.append((number, place))
                    columns.append(column)
        return found, columns

    def turn(self, number, place):
        places = self.other.setdefault(number, [])
        if place in places:
            places.remove(place)
        else:
            places.append(place)

    def choose(self, difference, parameters, scales, grains, tolerance):
        """Other choices behind the last layer that differs, if they explain the difference
        of its gradients ({name: tensor}). False if there is none. What is less than a tenth
        of `tolerance`, relative to a tensor's scale, does not count."""
        layers, least = len(self.passes) // grains, tolerance / 10
        off = {name: float(value.abs().max()) / scales[name]
               for name, value in difference.items()}
        for at in reversed(range(layers)):
            before = self.passes[at][3]
            names = [name for name in parameters if name.rpartition(".")[0] in before]
            if all(off[name] < 2 * least for name in names):
                continue
            numbers = range(at, len(self.passes), layers)
            found, columns = self.columns(numbers, parameters, names, scales, least)
            if found:
                wanted = torch.cat([sample(difference[name]) / scales[name] for name in names])
                shares = torch.linalg.lstsq(torch.stack(columns, 1), wanted[:, None]).solution
                chosen = [tie for tie, share in zip(found, shares[:, 0]) if 0.5 < share < 1.5]
                for number, place in chosen:
                    self.turn(number, place)
                if chosen:
                    return True
            first = at == 0 or self.passes[at - 1][3] is not before  # no other pass behind them
            if first and any(off[name] > tolerance for name in names):
                return False
        return False
