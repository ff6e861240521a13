#!/usr/bin/env python3
"""Fine-tune EfficientNet-Lite0 in plain PyTorch, from the pictures of a lockstep data set.

    finetune_recipe.py DATA --weights FILE.safetensors [--freeze none|backbone] [--epochs E]
                       [--batch B] [--seed S] [--threads T] [--head pytorch|zero]

The recipe of `lockstep train efficientnet_lite0 --pretrained W.h5 --data DATA`, with the weights
of the package efficientnet-lite-pytorch; the random numbers differ, and: with a frozen backbone
the images are flipped at random, as is usual, and pass the whole network in every epoch. The
statistics of batchnorm stay. The new head begins as PyTorch's layers do, or with zeros, as
lockstep's does. Prints the accuracy on the test images after each epoch.
"""

import argparse
import math

import h5py
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file
from torch.nn import functional as F

MEAN, DEVIATION = 127, 128  # of the images that the weights learned
SHARE, RATIO = 0.5, math.log(4 / 3)  # least part of an image, and its sides' ratio


class Pictures:
    def __init__(self, data, split):
        with h5py.File(data) as file:
            self.x = torch.tensor(np.array(file[split]["images"])).permute(0, 3, 1, 2)
            self.labels = torch.tensor(np.array(file[split]["labels"], dtype=np.int64))
            self.classes = len(file.attrs["classes"])

    def batch(self, index):
        return (self.x[index].float() - MEAN) / DEVIATION


def part(x):
    """A random part of the image, scaled to its size: torchvision's RandomResizedCrop."""
    h, w = x.shape[-2:]
    area = h * w * float(torch.empty(1).uniform_(SHARE, 1))
    ratio = math.exp(float(torch.empty(1).uniform_(-RATIO, RATIO)))
    width = min(round(math.sqrt(area * ratio)), w)
    height = min(round(math.sqrt(area / ratio)), h)
    top = int(torch.randint(h - height + 1, (1,)))
    left = int(torch.randint(w - width + 1, (1,)))
    cut = x[None, :, top : top + height, left : left + width]
    return F.interpolate(cut, (h, w), mode="bilinear", align_corners=False)[0]


def augmented(x, parts):
    flip = torch.rand(len(x)) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(-1), x)
    return torch.stack([part(one) for one in x]) if parts else x


def network(weights, classes, frozen, head):
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(load_file(weights))
    net._fc = torch.nn.Linear(net._fc.in_features, classes)
    if head == "zero":
        torch.nn.init.zeros_(net._fc.weight)
        torch.nn.init.zeros_(net._fc.bias)
    for name, p in net.named_parameters():
        p.requires_grad = not frozen or name.startswith("_fc.")
    return net.to(memory_format=torch.channels_last)


def groups(net, decay):
    """What learns; biases and the factors of norms do not decay, as in lockstep."""
    learning = [p for p in net.parameters() if p.requires_grad]
    weights, rest = [p for p in learning if p.ndim > 1], [p for p in learning if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0}]


def train(net, x, labels, optimizer, frozen):
    net.train(not frozen)
    net._dropout.train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x.to(memory_format=torch.channels_last)), labels)
    loss.backward()
    optimizer.step()


@torch.no_grad()
def evaluate(net, pictures):
    net.eval()
    right = 0
    for index in torch.arange(len(pictures.x)).split(32):
        x = pictures.batch(index).to(memory_format=torch.channels_last)
        right += int((net(x).argmax(1) == pictures.labels[index]).sum())
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--freeze", choices=["none", "backbone"], default="none")
    parser.add_argument("--head", choices=["pytorch", "zero"], default="pytorch")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    pictures, test = Pictures(options.data, "train"), Pictures(options.data, "test")
    frozen = options.freeze == "backbone"
    net = network(options.weights, pictures.classes, frozen, options.head)
    rate, steps = 0.05 if frozen else 0.01, math.ceil(len(pictures.x) / options.batch)
    optimizer = torch.optim.SGD(groups(net, 1e-5), rate, 0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * steps)
    for epoch in range(1, options.epochs + 1):
        for index in torch.randperm(len(pictures.x)).split(options.batch):
            x = augmented(pictures.batch(index), parts=not frozen)
            train(net, x, pictures.labels[index], optimizer, frozen)
            schedule.step()
        right, count = evaluate(net, test), len(test.x)
        print(f"step {epoch * steps} epoch {epoch} accuracy {100 * right / count:.2f} % "
              f"({right} of {count})", flush=True)


if __name__ == "__main__":
    main()
