#!/usr/bin/env python3
"""Measure training steps of lockstep's reference network in PyTorch, on the CPU.

    bench_torch.py --batch 256 --threads 1 --repeats 3 [--forward] [--variants eager,...]
    mpirun -n 2 bench_torch.py --batch 256 --store FILE ...     DistributedDataParallel

PyTorch's side of bench_peers.py. Measures as `lockstep bench step` does: after a warm-up,
the median of runs of at least RUN seconds, in images per second of all ranks together.
The batch is global. Prints one JSON object:

    {"rates": {VARIANT: N}, "errors": {VARIANT: TEXT}, "torch": {about this PyTorch}}
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import statistics
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

RUN = 0.3  # seconds, as SECONDS in src/app/cli/trial_steps.c
IMAGES = 2048  # in the batches that are used in turn, as there
CLASSES = 26
# Name: whether images and weights are channels_last, whether autocast gives bfloat16.
VARIANTS = {
    "eager": (False, False),
    "channels_last": (True, False),
    "bf16": (False, True),
    "bf16_channels_last": (True, True),
}


def network():
    """configs/letters.conf"""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.GELU(),
        nn.Conv2d(32, 64, 3), nn.MaxPool2d(2), nn.GELU(),
        nn.Conv2d(64, 128, 3), nn.MaxPool2d(2), nn.GELU(),
        nn.Flatten(),
        nn.Linear(128, 512), nn.GELU(),
        nn.Linear(512, 256), nn.GELU(),
        nn.Linear(256, CLASSES), nn.LogSoftmax(dim=1),
    )


def ready_batches(size, ranks, memory_format):
    """This rank's batches of `size` images, completely prepared, in turn."""
    count = max(1, IMAGES // ranks // size)
    images = torch.randn(count * size, 1, 28, 28).to(memory_format=memory_format)
    labels = torch.randint(CLASSES, (count * size,))
    return itertools.cycle(list(zip(images.split(size), labels.split(size))))


def precision(bf16):
    """The context of the forward pass. A disabled autocast would still cost time."""
    if bf16:
        return lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext


def train_step(net, batches, autocast):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step():
        images, labels = next(batches)
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = nn.functional.nll_loss(net(images), labels)
        loss.backward()
        optimizer.step()

    return step


def forward_step(net, batches, autocast):
    net.eval()

    def step():
        images, _ = next(batches)
        with torch.inference_mode(), autocast():
            net(images)

    return step


def variant_step(variant, batch, ranks, forward):
    channels_last, bf16 = VARIANTS[variant]
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    net = network().to(memory_format=memory_format)
    batches = ready_batches(batch // ranks, ranks, memory_format)
    if forward:
        return forward_step(net, batches, precision(bf16))
    if ranks > 1:
        net = nn.parallel.DistributedDataParallel(net)
    return train_step(net, batches, precision(bf16))


def timed(step, count, ranks):
    """Seconds of `count` steps on the slowest rank."""
    if ranks > 1:
        dist.barrier()
    begin = time.perf_counter()
    for _ in range(count):
        step()
    seconds = time.perf_counter() - begin
    if ranks > 1:
        longest = torch.tensor(seconds, dtype=torch.float64)
        dist.all_reduce(longest, dist.ReduceOp.MAX)
        seconds = longest.item()
    return seconds


def measure(step, batch, repeats, ranks):
    timed(step, 3, ranks)
    count = 1
    while timed(step, count, ranks) < RUN:
        count *= 2
    return statistics.median(
        batch * count / timed(step, count, ranks) for _ in range(repeats)
    )


def blas_name(config):
    """Debian's PyTorch is built for any BLAS: look up which library was loaded."""
    built_for = re.search(r"BLAS_INFO=(\w+)", config)
    if built_for and built_for[1] != "generic":
        return built_for[1]
    pattern = re.compile(r"/(lib(?:open)?blas[^/\s]*)$", re.MULTILINE)
    with open("/proc/self/maps") as maps:
        loaded = set(pattern.findall(maps.read()))
    return " ".join(sorted(loaded)) or "unknown"


def about():
    config = torch.__config__.show()
    onednn = re.search(r"(?:MKL-DNN|oneDNN) (v[\d.]+)", config)
    used = onednn and torch.backends.mkldnn.is_available()
    capability = re.search(r"CPU capability usage: (.+)", config)
    return {
        "version": torch.__version__,
        "onednn": onednn[1] if used else "none",
        "capability": capability[1].strip() if capability else "unknown",
        "blas": blas_name(config),
    }


def join_ranks(store):
    """Joins the ranks that mpirun has started; returns the rank and their number."""
    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", 0))
    ranks = int(os.environ.get("OMPI_COMM_WORLD_SIZE", 1))
    if ranks > 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=ranks
        )
    return rank, ranks


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--forward", action="store_true")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--store", help="a new file by which the ranks find each other")
    options = parser.parse_args()
    options.variants = options.variants.split(",")
    unknown = set(options.variants) - set(VARIANTS)
    if unknown:
        parser.error(f"unknown variant '{unknown.pop()}': {', '.join(VARIANTS)}")
    return options


def main():
    options = parse()
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    rank, ranks = join_ranks(options.store)
    if options.batch < ranks or options.batch % ranks:
        sys.exit(f"a batch of {options.batch} cannot be shared by {ranks} ranks")
    rates, errors = {}, {}
    for variant in options.variants:
        try:
            step = variant_step(variant, options.batch, ranks, options.forward)
            rates[variant] = measure(step, options.batch, options.repeats, ranks)
        except RuntimeError as problem:  # what this PyTorch or CPU cannot do
            errors[variant] = str(problem).split("\n")[0]
    if rank == 0:
        said = {"rates": rates, "errors": errors, "torch": about()}
        print(json.dumps(said), flush=True)
    # Taking the process group down may wait for ever (PyTorch 1.13): it joins gloo's
    # threads and holds the interpreter's lock, which they need to drop the last tensor.
    os._exit(0)


if __name__ == "__main__":
    main()
