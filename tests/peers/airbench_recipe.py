#!/usr/bin/env python3
"""Train airbench94 in plain PyTorch, from the pictures of a lockstep data set.

    airbench_recipe.py DATA [--statistics grain|batch] [--epochs E] [--batch B] [--seed S]
                       [--threads T]

The recipe of `lockstep train cifar_fast --data DATA`; only the random numbers differ.
--statistics: batch normalization over grains of 32 samples, as lockstep does it, or over the
batch. Prints the accuracy of mirrored and shifted views of the test images after each epoch.
"""

import argparse
import math
import time

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from airbench import Lookahead, optimizer_of, triangle, views, whitening_filters
from networks import Airbench
from recipe import GrainNorm

WHITEN_IMAGES, BIAS_EPOCHS, SHIFT = 5000, 3, 2


class Pictures:
    def __init__(self, data, split):
        with h5py.File(data) as file:
            x = torch.tensor(np.array(file[split]["images"])).permute(0, 3, 1, 2) / 255
            mean, std = (torch.tensor(file.attrs[a]).float().reshape(1, 3, 1, 1)
                         for a in ("mean", "std"))
            self.labels = torch.tensor(np.array(file[split]["labels"], dtype=np.int64))
            self.classes = len(file.attrs["classes"])
        self.x = (x - mean) / std
        self.mirrored = torch.rand(len(x)) < 0.5  # in even epochs

    def augmented(self, index, epoch):
        x = self.x[index]
        flip = self.mirrored[index] ^ bool(epoch % 2)
        x = torch.where(flip[:, None, None, None], x.flip(-1), x)
        x = F.pad(x, (SHIFT,) * 4, "reflect")
        n, size = len(index), x.shape[-1] - 2 * SHIFT
        top, left = torch.randint(2 * SHIFT + 1, (2, n, 1))
        rows, columns = torch.arange(size) + top, torch.arange(size) + left
        images = torch.arange(n)[:, None, None]
        x = x.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]]
        return x.permute(0, 3, 1, 2)


def begin(net, pictures):
    """Filters that copy their inputs, and those that whiten."""
    for name, p in net.named_parameters():
        if "conv" in name:
            nn.init.dirac_(p.data[: p.shape[1]])
    images = torch.randperm(len(pictures.x))[:WHITEN_IMAGES]
    filters = whitening_filters(pictures.x[images]).reshape(-1, 3, 2, 2)
    net.whiten.weight.data.copy_(torch.cat((filters, -filters)))
    nn.init.zeros_(net.whiten.bias)


@torch.no_grad()
def accuracy(net, test):
    net.eval()
    right = sum(int((views(net, x).argmax(1) == y).sum())
                for x, y in zip(test.x.split(500), test.labels.split(500)))
    net.train()
    return 100 * right / len(test.labels)


def train(net, pictures, test, options):
    count, batch = len(pictures.labels), options.batch
    steps = math.ceil(options.epochs * -(-count // batch) * (1 - 1e-9))
    optimizer = optimizer_of(net, batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: triangle(i, steps))
    slow, done, start = Lookahead(net, steps, 5), 0, time.perf_counter()
    for epoch in range(math.ceil(options.epochs)):
        net.whiten.bias.requires_grad = epoch < BIAS_EPOCHS
        for index in torch.randperm(count).split(batch):
            x = pictures.augmented(index, epoch).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(net(x), pictures.labels[index], label_smoothing=0.2)
            optimizer.zero_grad(set_to_none=True)
            (batch * loss).backward()  # a batch that is short counts as much
            optimizer.step()
            schedule.step()
            done += 1
            slow.after(done)
            if done == steps:
                break
        seconds = time.perf_counter() - start
        print(f"step {done} of {steps} epoch {epoch + 1} loss {loss.item():.4f} "
              f"accuracy {accuracy(net, test):.2f} %, {seconds:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--statistics", choices=["grain", "batch"], default="grain")
    parser.add_argument("--epochs", type=float, default=9.9)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    pictures, test = Pictures(options.data, "train"), Pictures(options.data, "test")
    norm = GrainNorm if options.statistics == "grain" else nn.BatchNorm2d
    net = Airbench((3, 32, 32), pictures.classes, norm=norm)
    begin(net, pictures)
    train(net.to(memory_format=torch.channels_last), pictures, test, options)


if __name__ == "__main__":
    main()
