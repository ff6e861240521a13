#!/usr/bin/env python3
"""Measure training steps of a network in PyTorch, on the CPU.

    bench_torch.py [--network letters] [--shape 28x28x1] [--batch 256] [--threads 1]
                   [--variant channels_last] [--repeats 3] [--forward | --stored]
    mpirun -n 2 bench_torch.py --batch 256 --store FILE ...     DistributedDataParallel

PyTorch's side of bench_peers.py; the networks are those of tests/peers/networks.py. Measures
as `lockstep bench step` does: after a warm-up, the median of runs of at least RUN seconds, in
images per second of all ranks together, by the clock and by the CPU time of the busiest rank.
The batch is global. Prints one JSON object, or, of what this PyTorch cannot do, a reason:

    {"rate": N, "cpu_rate": N, "torch": {about this PyTorch}}
    {"skipped": TEXT, "torch": {...}}
    {"stored": BYTES, "torch": {...}}                           --stored
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import statistics
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests/peers"))
from networks import NETWORKS  # noqa: E402

RUN = 0.3  # seconds, as TRIAL_RUN_SECONDS in src/lab/trial_steps.c
WARM_UP = 2  # steps, as there
IMAGES = 2048  # in the batches that are used in turn, as there
BYTES = 64 << 20  # of them, unless a batch is larger
CLASSES = 26  # of the built-in letters
VARIANTS = ("eager", "channels_last", "compile", "bf16")


def ready_batches(shape, size, ranks, memory_format):
    """This rank's batches of `size` images, completely prepared, in turn."""
    room = BYTES // (4 * shape[0] * shape[1] * shape[2])
    count = max(1, min(IMAGES // ranks, room) // size)
    images = torch.randn(count * size, *shape).to(memory_format=memory_format)
    labels = torch.randint(CLASSES, (count * size,))
    return itertools.cycle(list(zip(images.split(size), labels.split(size))))


def precision(variant):
    """The context of the forward pass. A disabled autocast would still cost time."""
    if variant == "bf16":
        return lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext


def train_step(net, batches, autocast):
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9)

    def step():
        images, labels = next(batches)
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = nn.functional.cross_entropy(net(images), labels)
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


def network(options, memory_format):
    """Its activations overwrite their inputs, as torchvision's do."""
    net = NETWORKS[options.network](options.shape, CLASSES).to(memory_format=memory_format)
    for module in net.modules():
        if isinstance(module, (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU)):
            module.inplace = True
    return net


def step_of(options, ranks):
    """All variants but eager have channels_last: the others are faster with it."""
    eager = options.variant == "eager"
    memory_format = torch.contiguous_format if eager else torch.channels_last
    net = network(options, memory_format)
    batches = ready_batches(options.shape, options.batch // ranks, ranks, memory_format)
    if options.variant == "compile":
        net = torch.compile(net)
    if options.forward:
        return forward_step(net, batches, precision(options.variant))
    if ranks > 1:
        net = nn.parallel.DistributedDataParallel(net)
    return train_step(net, batches, precision(options.variant))


def stored_bytes(options):
    """Per image: what autograd keeps for backward, each block of memory once, without the
    parameters, the running statistics and the images themselves."""
    net = network(options, torch.channels_last)
    images, labels = next(ready_batches(options.shape, options.batch, 1, torch.channels_last))
    address = lambda tensor: tensor.untyped_storage().data_ptr()
    known = {address(tensor) for tensor in (*net.parameters(), *net.buffers(), images, labels)}
    kept = {}  # holds the blocks, so that no address is used twice

    def pack(tensor):
        if address(tensor) not in known:
            kept[address(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / options.batch


def of_slowest(seconds, ranks):
    if ranks == 1:
        return seconds
    longest = torch.tensor(seconds, dtype=torch.float64)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return longest.tolist()


def timed(step, count, ranks):
    """Seconds of `count` steps on the slowest rank, and of CPU time of the busiest one."""
    if ranks > 1:
        dist.barrier()
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return of_slowest([time.perf_counter() - begin, time.process_time() - cpu], ranks)


def measure(step, batch, repeats, ranks):
    timed(step, WARM_UP, ranks)
    count = 1
    while timed(step, count, ranks)[0] < RUN:
        count *= 2
    runs = [timed(step, count, ranks) for _ in range(repeats)]
    rate, cpu_rate = (statistics.median(batch * count / s for s in each) for each in zip(*runs))
    return {"rate": rate, "cpu_rate": cpu_rate}


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


def sides(text):
    """"HxWxC" as (C, H, W)."""
    height, width, channels = (int(word) for word in text.split("x"))
    return channels, height, width


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="letters", choices=sorted(NETWORKS))
    parser.add_argument("--shape", type=sides, default="28x28x1", metavar="HxWxC")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--forward", action="store_true")
    parser.add_argument("--stored", action="store_true", help="no time: bytes kept for backward")
    parser.add_argument("--variant", default="eager", choices=VARIANTS)
    parser.add_argument("--store", help="a new file by which the ranks find each other")
    return parser.parse_args()


def main():
    options = parse()
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    rank, ranks = join_ranks(options.store)
    if options.batch < ranks or options.batch % ranks:
        sys.exit(f"a batch of {options.batch} cannot be shared by {ranks} ranks")
    if options.stored:
        said = {"stored": stored_bytes(options)}
    elif options.variant == "compile" and not hasattr(torch, "compile"):
        said = {"skipped": f"PyTorch {torch.__version__} has no torch.compile"}
    else:
        said = measure(step_of(options, ranks), options.batch, options.repeats, ranks)
    if rank == 0:
        print(json.dumps(said | {"torch": about()}), flush=True)
    # Taking the process group down may wait for ever (PyTorch 1.13): it joins gloo's
    # threads and holds the interpreter's lock, which they need to drop the last tensor.
    os._exit(0)


if __name__ == "__main__":
    main()
