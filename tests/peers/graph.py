"""A PyTorch network from the text of a config's [model] and [block] sections
(docs/networks.md). Its tensors have lockstep's names; a vector is (N, C, 1, 1)."""

import operator

import torch
from torch import nn
from torch.nn import functional as F


class GrainNorm(nn.BatchNorm2d):
    """Normalises by the grain that it is given, if that has more than one sample;
    end_step() moves the running statistics once, by all grains of the step."""

    def __init__(self, channels, frozen=False, **options):
        super().__init__(channels, **options)
        self.frozen, self.sums = frozen, []

    def forward(self, x):
        if not self.training or self.frozen:
            return self.by_running(x)
        values = x.detach().transpose(0, 1).flatten(1)  # (C, values)
        self.sums.append((values.shape[1], values.sum(1), (values**2).sum(1)))
        if len(x) == 1:
            return self.by_running(x)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0, self.eps)

    def by_running(self, x):
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, False, 0, self.eps)

    def end_step(self):
        count, total, square = (sum(parts) for parts in zip(*self.sums or [(0, 0, 0)]))
        self.sums = []
        if count > 1:
            mean = total / count
            variance = (square / count - mean**2) * count / (count - 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)


class DropPath(nn.Dropout):
    """Drops whole samples (stochastic depth)."""

    def forward(self, x):
        return x * F.dropout(torch.ones_like(x[:, :1, :1, :1]), self.p, self.training)


class Flatten(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :, None, None]


class Linear(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1))[:, :, None, None]


class LogSoftmax(nn.Module):
    def forward(self, x):
        return F.log_softmax(x.flatten(1), dim=1)


class Same:
    """TensorFlow's padding of a layer with windows: ceil(size / stride) outputs, and what is
    odd of the padding stands behind the image."""

    outside = 0.0

    def around(self, x):
        found = []
        for side in (1, 0):
            size, stride, dilation = (
                of if isinstance(of, int) else of[side]
                for of in (self.kernel_size, self.stride, getattr(self, "dilation", 1))
            )
            inputs = x.shape[2 + side]
            reach = (size - 1) * dilation + 1
            total = max((-(-inputs // stride) - 1) * stride + reach - inputs, 0)
            found += [total // 2, total - total // 2]
        return found

    def forward(self, x):
        return super().forward(F.pad(x, self.around(x), value=self.outside))


class SameConv2d(Same, nn.Conv2d):
    pass


class SameMaxPool2d(Same, nn.MaxPool2d):
    outside = float("-inf")


class SameAvgPool2d(Same, nn.AvgPool2d):
    pass


class Inside(nn.Module):
    """An average of what a window sees of the image, without padding."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x) / self.layer(torch.ones_like(x))


class PadChannels(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        before = (self.channels - x.shape[1]) // 2
        behind = self.channels - x.shape[1] - before
        return F.pad(x, (0, 0, 0, 0, before, behind))


class Combine(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, a, b):
        return self.how(a, b)


# --- layers: what stands behind the kind, the options, the channels of the input ---


def sides(text):
    """"3" or "3x2" (rows, columns)."""
    height, *width = str(text).split("x")
    return int(height), int(width[0] if width else height)


def window(options, **defaults):
    """The arguments kernel_size, stride, padding, dilation; and whether pad=same."""
    options = {"stride": 1, "pad": 0} | defaults | options
    same = options["pad"] == "same"
    found = {"kernel_size": sides(options["kernel"]), "stride": sides(options["stride"]),
             "padding": 0 if same else sides(options["pad"])}
    if "dilation" in options:
        found["dilation"] = sides(options["dilation"])
    return found, same


def conv(value, options, channels):
    found, same = window(options)
    bias, groups = options.get("bias") != "off", int(options.get("groups", 1))
    kind = SameConv2d if same else nn.Conv2d
    return kind(channels, int(value or channels), bias=bias, groups=groups, **found)


def depthwise(value, options, channels):
    return conv(None, options | {"groups": channels}, channels)


def maxpool(value, options, channels):
    found, same = window(options, kernel=value, stride=value)
    return (SameMaxPool2d if same else nn.MaxPool2d)(**found)


def avgpool(value, options, channels):
    found, same = window(options, kernel=value, stride=value)
    layer = (SameAvgPool2d if same else nn.AvgPool2d)(**found)
    return Inside(layer) if options.get("count_pad") == "off" else layer


def linear(value, options, channels):
    return Linear(channels, int(value), bias=options.get("bias") != "off")


def batchnorm(value, options, channels):
    return GrainNorm(
        channels, eps=float(options.get("eps", 1e-5)),
        momentum=float(options.get("momentum", 0.1)),
        affine=options.get("affine") != "off", frozen=options.get("frozen") == "on",
    )


def groupnorm(value, options, channels):
    return nn.GroupNorm(int(value), channels, eps=float(options.get("eps", 1e-5)))


KINDS = {
    "conv": conv, "depthwise": depthwise, "maxpool": maxpool, "avgpool": avgpool,
    "linear": linear, "batchnorm": batchnorm, "groupnorm": groupnorm,
    "globalavgpool": lambda *_: nn.AdaptiveAvgPool2d(1),
    "padchannels": lambda value, *_: PadChannels(int(value)),
    "dropout": lambda _, options, __: nn.Dropout(float(options.get("p", 0.5))),
    "droppath": lambda _, options, __: DropPath(float(options.get("p", 0.2))),
    "add": lambda *_: Combine(operator.add), "mul": lambda *_: Combine(operator.mul),
    "flatten": lambda *_: Flatten(), "logsoftmax": lambda *_: LogSoftmax(),
    "relu": lambda *_: nn.ReLU(), "relu6": lambda *_: nn.ReLU6(),
    "gelu": lambda *_: nn.GELU(), "silu": lambda *_: nn.SiLU(),
    "hardswish": lambda *_: nn.Hardswish(), "sigmoid": lambda *_: nn.Sigmoid(),
    "hardsigmoid": lambda *_: nn.Hardsigmoid(),
}


# --- the graph ---


class Graph(nn.Module):
    """Layers in order; `layers` has (name, module, the values that it reads). Value 0 is
    the input, value i + 1 the output of layer i."""

    def __init__(self):
        super().__init__()
        self.layers = []

    def append(self, name, layer, inputs):
        self.layers.append((name, layer, inputs))
        *path, last = name.split(".")
        owner = self
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, nn.Module())
            owner = owner._modules[part]
        if last in owner._modules:  # "a" beside "a.b"
            for child, module in owner._modules[last]._modules.items():
                layer.add_module(child, module)
        owner.add_module(last, layer)
        return len(self.layers)

    def forward(self, x):
        values = [x]
        for _, layer, inputs in self.layers:
            values.append(layer(*(values[i] for i in inputs)))
        return values[-1]


def sections(text):
    """The [model]'s layer lines and {block: (its parameters, its layer lines)}."""
    lines, blocks, here = [], {}, None
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            words = line.strip("[]").split()
            here = lines if words == ["model"] else None
            if words[0] == "block":
                blocks[words[1]] = [], here = [], []
        elif here is not None and "=" in line:
            key, value = (part.strip() for part in line.split("=", 1))
            if key == "layer":
                here.append(value)
            elif key == "parameters":
                blocks[words[1]][0].extend(value.split())
    return lines, blocks


class Builder:
    def __init__(self, blocks, shape, classes):
        self.graph, self.blocks, self.classes = Graph(), blocks, classes
        self.zeros = [torch.zeros(1, *shape)]  # a value of each layer's shape

    def layer(self, name, kind, value, options, inputs):
        value = self.classes if value == "classes" else value
        options = {key: text for key, text in options.items() if key != "init"}
        channels = self.zeros[inputs[0]].shape[1]
        layer = KINDS[kind](value, options, channels)
        self.zeros.append(layer.eval()(*(self.zeros[i] for i in inputs)))
        layer.train()
        return self.graph.append(name, layer, inputs)

    def stays(self, condition, names):
        """if=A==B: numbers, or names, whose shapes are compared; in order, a name stands for
        the pixels of its longer side."""
        sign = next(sign for sign in SIGNS if sign in condition)
        a, b = condition.split(sign)
        shape = lambda word: self.zeros[names[word]].shape[1:]
        if sign in ("==", "!=") and a in names:
            return SIGNS[sign](shape(a), shape(b))
        number = lambda word: max(shape(word)[1:]) if word in names else int(word)
        return SIGNS[sign](number(a), number(b))

    def lines(self, lines, path, given, start):
        """Adds lines whose names begin with `path`; returns the value of the last one."""
        names, count, value, stayed = {"input": start}, {}, start, set()
        for line in lines:
            for key in sorted(given, key=len, reverse=True):
                line = line.replace("$" + key, given[key])
            kind, *words = line.split()
            options = dict(word.split("=", 1) for word in words if "=" in word)
            size = next((word for word in words if "=" not in word), None)
            count[kind] = count.get(kind, 0) + 1
            name = options.pop("as", f"{kind}{count[kind]}")
            condition = options.pop("if", None)
            two = kind in ("add", "mul")
            chosen = [names[key] for key in options.pop("from", "").split(",") if key]
            inputs = ([value] + chosen)[-2:] if two else (chosen or [value])
            if condition and not self.stays(condition, names):
                value = inputs[0]
                names.setdefault(name, value)
                continue
            if kind in self.blocks:
                value = self.block(kind, path + name, options, inputs[0])
            else:
                value = self.layer(path + name, kind, size, options, inputs)
            names[name] = value
        return value

    def block(self, kind, name, options, value):
        parameters, lines = self.blocks[kind]
        defaults = dict(word.split("=") for word in parameters if "=" in word)
        repeat = options.pop("repeat", None)
        for i in range(int(repeat or 1)):
            given = {key: text.split(",") for key, text in (defaults | options).items()}
            given = {key: texts[min(i, len(texts) - 1)] for key, texts in given.items()}
            path = f"{name}.{i}." if repeat else f"{name}."
            value = self.lines(lines, path, given, value)
        return value


SIGNS = {"==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge,
         "<": operator.lt, ">": operator.gt}


def network(text, shape, classes):
    """text: a config, or its [model]'s layer lines in a list; shape: (C, H, W)."""
    lines, blocks = sections(text) if isinstance(text, str) else (text, {})
    builder = Builder(blocks, shape, classes)
    builder.lines(lines, "", {}, 0)
    return builder.graph.double()
