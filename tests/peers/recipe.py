#!/usr/bin/env python3
"""Train a config's recipe in PyTorch, from the pictures of a lockstep data set.

    recipe.py CONFIG DATA [--network NAME] [--statistics grain|batch] [--epochs N] [--seed S]
              [--threads T]

The layers of a config with blocks are not read: --network names the definition of networks.py
that is the same, such as resnet20 for the config that `lockstep models resnet20` prints.
--statistics: batch normalization over grains of train.grain samples, as lockstep does it, or
over the batch. The same network, initial distribution, loss, optimizer, rates and random flips and crops as
`lockstep train CONFIG --data DATA`; only the random numbers differ. Prints the test accuracy
after each epoch. A config that says more than this script knows is refused.
"""

import argparse
import sys
import time

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from networks import NETWORKS
from parity import network

# These keys must have these values; of other keys only the free ones may be given.
FIXED = {
    "optim.kind": "sgd",
    "optim.nesterov": "on",
    "schedule.kind": "onecycle",
}
FREE = {
    "data.file", "data.size", "train.epochs", "train.batch", "train.grain", "optim.momentum",
    "optim.lr", "optim.weight_decay", "augment.flip", "augment.crop",
}
RESIDUAL = ["resnet20", "resnet32", "resnet44", "resnet56"]


class GrainNorm(nn.BatchNorm2d):
    """Statistics over nearly equal grains of the batch; one update of the running statistics
    a step, with those of the whole batch."""

    grain = 32

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        grains = -(-len(x) // self.grain)
        with torch.no_grad():
            variance, mean = torch.var_mean(x, (0, 2, 3))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        y = [
            functional.batch_norm(part, None, None, self.weight, self.bias, True, 0, self.eps)
            for part in x.tensor_split(grains)
        ]
        return torch.cat(y)


def named_network(name, shape, classes, statistics, grain):
    """A network of networks.py, with the initial values that `lockstep models` prints for the
    residual networks of CIFAR: init=he."""
    net = NETWORKS[name](shape, classes)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d) and statistics == "grain":
            layer.__class__, layer.grain = GrainNorm, grain
    return net


def read_config(path):
    """The layer lines, and the other keys as SECTION.KEY."""
    layers, keys, section = [], {}, ""
    with open(path) as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line:
                key, value = (word.strip() for word in line.split("=", 1))
                if key == "layer" and section == "model":
                    layers.append(value)
                elif section.startswith("block "):
                    continue
                else:
                    keys[f"{section}.{key}"] = value
    for key, value in FIXED.items():
        if keys.get(key) != value:
            sys.exit(f"{path}: this script knows {key} = {value} only")
    unknown = set(keys) - FREE - set(FIXED)
    if unknown:
        sys.exit(f"{path}: this script does not know {min(unknown)}")
    if keys.get("augment.flip", "off") not in ("off", "random"):
        sys.exit(f"{path}: this script knows augment.flip = random only")
    return layers, keys


class Pictures:
    """A split of a data set: (N, C, H, W) bytes, labels, and how they become the input."""

    def __init__(self, data, split, margin=0, flip=False):
        with h5py.File(data) as file:
            images = np.array(file[split]["images"])
            self.labels = torch.tensor(np.array(file[split]["labels"], dtype=np.int64))
            self.mean, self.std = (
                torch.tensor(file.attrs[name], dtype=torch.float32).reshape(1, -1, 1, 1)
                for name in ("mean", "std")
            )
            self.classes = len(file.attrs["classes"])
        images = images.reshape(*images.shape[:3], -1)
        self.shape = (images.shape[3], *images.shape[1:3])
        self.margin, self.flip = margin, flip
        # As augment.fill = auto: a grey picture lies on black, the border of others goes on.
        mode = "constant" if self.shape[0] == 1 else "edge"
        around = (0, 0), (margin, margin), (margin, margin), (0, 0)
        self.images = torch.tensor(np.pad(images, around, mode=mode)).permute(0, 3, 1, 2)

    def inputs(self, images):
        x = (images / 255 - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)

    def augmented(self, index):
        """Each picture moved by up to `margin` pixels in both axes, and half of them flipped."""
        n, (_, h, w) = len(index), self.shape
        top, left = torch.randint(2 * self.margin + 1, (2, n, 1))
        columns = torch.arange(w).expand(n, w)
        if self.flip:
            columns = torch.where(torch.rand(n, 1) < 0.5, columns, columns.flip(1))
        rows, columns = torch.arange(h) + top, columns + left
        images = self.images.permute(0, 2, 3, 1)
        images = images[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        return self.inputs(images.permute(0, 3, 1, 2))


@torch.no_grad()
def accuracy(net, test):
    net.eval()
    right = sum(
        int((net(test.inputs(x)).argmax(1) == y).sum())
        for x, y in zip(test.images.split(1000), test.labels.split(1000))
    )
    net.train()
    return right, len(test.labels)


def parameter_groups(net, decay):
    """Weight decay is for the weights of convolutions and linear layers."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0},
    ]


def train(net, pictures, test, keys, epochs):
    batch, lr = int(keys["train.batch"]), float(keys["optim.lr"])
    steps = -(-len(pictures.labels) // batch)
    momentum = float(keys.get("optim.momentum", 0.9))
    optimizer = torch.optim.SGD(
        parameter_groups(net, float(keys.get("optim.weight_decay", 0))),
        lr=lr, momentum=momentum, nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, steps * epochs, cycle_momentum=False
    )
    begin = time.perf_counter()
    for epoch in range(epochs):
        for index in torch.randperm(len(pictures.labels)).split(batch):
            optimizer.zero_grad()
            x, y = pictures.augmented(index), pictures.labels[index]
            functional.cross_entropy(net(x), y).backward()
            optimizer.step()
            schedule.step()
        right, count = accuracy(net, test)
        print(
            f"epoch {epoch + 1} accuracy {100 * right / count:.2f} % ({right} of {count}), "
            f"{time.perf_counter() - begin:.0f} s",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("data")
    parser.add_argument("--network", choices=RESIDUAL)
    parser.add_argument("--statistics", choices=["grain", "batch"], default="grain")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    layers, keys = read_config(options.config)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    margin, flip = int(keys.get("augment.crop", 0)), keys.get("augment.flip") == "random"
    pictures = Pictures(options.data, "train", margin, flip)
    test = Pictures(options.data, "test")
    if options.network:
        grain = int(keys.get("train.grain", GrainNorm.grain))
        net = named_network(
            options.network, pictures.shape, pictures.classes, options.statistics, grain
        )
    else:
        net = network(layers, pictures.shape, pictures.classes).float()
    net = net.to(memory_format=torch.channels_last)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    print(f"PyTorch {torch.__version__}, seed {options.seed}, {parameters} parameters")
    train(net, pictures, test, keys, options.epochs or int(keys["train.epochs"]))


if __name__ == "__main__":
    main()
