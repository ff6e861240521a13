"""lockstep as Python sees it: it runs the program, reads its files, and repeats its random
draws (docs/files.md; include/base/rng.h, data/sampler.h, src/nn/layer_dropout.c).

The program is $LOCKSTEP, or build/lockstep.
"""

import hashlib
import os
import subprocess
import sys

import h5py
import numpy as np
import torch

PROGRAM = os.path.abspath(os.environ.get("LOCKSTEP", "build/lockstep"))
SEED = 5  # of all runs


def run(*words):
    result = subprocess.run(
        [PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if result.returncode:
        sys.exit(f"lockstep {' '.join(words)}\n{result.stdout}{result.stderr}")
    return result.stdout


def config(lines, blocks=None):
    """Config text of layer lines; blocks: {name: its lines, the parameters first}."""
    text = ""
    for name, (parameters, *layers) in (blocks or {}).items():
        text += f"[block {name}]\nparameters = {parameters}\n"
        text += "".join(f"layer = {line}\n" for line in layers)
    return text + "[model]\n" + "".join(f"layer = {line}\n" for line in lines)


def network_of(text):
    """The sections of a config that say what the network is, without its recipe."""
    kept, keep = [], False
    for line in text.splitlines():
        if line.startswith("["):
            keep = line.startswith(("[model]", "[block "))
        kept += [line] if keep else []
    return "\n".join(kept) + "\n"


def train(folder, network, data, steps, init=None, **keys):
    """Trains a new run and returns its last checkpoint. network: config text; keys are
    SECTION.KEY=VALUE."""
    with open(folder + ".conf", "w") as file:
        file.write(network)
    keys = {"train.seed": SEED, "log.every": 1, "train.steps": steps} | keys
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    sets += ["--init", init] if init else []
    run("train", folder + ".conf", "--data", data, "--run", folder, "--threads", "1", *sets)
    return checkpoint(folder, steps)


def checkpoint(folder, step):
    return f"{folder}/checkpoints/step-{step:012d}.h5"


# --- files ---


def tensors(path, group="weights"):
    with h5py.File(path) as file:
        return {
            f"{layer}.{name}": torch.tensor(np.array(values), dtype=torch.float64)
            for layer, members in file[group].items()
            for name, values in members.items()
        }


def history(path, what):
    """What training said of each step: loss, grad_norm, lr."""
    with h5py.File(path) as file:
        return torch.tensor(np.array(file["metrics/train"][what], dtype=np.float64))


def samples(data, split):
    """Images as the network sees them, (N, C, H, W), their labels, the number of classes."""
    with h5py.File(data) as file:
        x = np.array(file[split]["images"], dtype=np.float64) / 255
        x = (x - file.attrs["mean"]) / file.attrs["std"]
        x = x.reshape(*x.shape[:3], -1).transpose(0, 3, 1, 2)
        labels = np.array(file[split]["labels"], dtype=np.int64)
        classes = len(file.attrs["classes"])
        return torch.tensor(x), torch.tensor(labels), classes


def synth(train_images, test_images):
    path = f"letters-{train_images}.h5"
    if not os.path.exists(path):
        counts = ("--train", str(train_images), "--test", str(test_images))
        run("data", "synth", "--out", path, "--seed", "3", *counts)
    return path


def pictures(height, width, channels, classes, train_images, test_images):
    """A data set of noise on a gradient of each class's own: no two pixels are alike, so
    that maxima and kinks are rarely met by chance."""
    path = f"pictures-{height}x{width}x{channels}-{classes}-{train_images}.h5"
    if os.path.exists(path):
        return path
    rng = np.random.default_rng(7)
    slope = rng.normal(0, 40, (classes, 3, channels))
    down, right = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([down, right, np.ones_like(down)], axis=2)
    with h5py.File(path, "w") as file:
        for split, count in ("train", train_images), ("test", test_images):
            labels = np.arange(count) % classes
            images = 128 + plane @ slope[labels][:, None]
            images += rng.normal(0, 40, images.shape)
            images = np.clip(images, 0, 255).astype(np.uint8)
            file[split + "/images"] = images if channels > 1 else images[..., 0]
            file[split + "/labels"] = labels.astype(np.uint8)
        pixels = file["train/images"][:].reshape(-1, channels) / 255
        digest = hashlib.md5(file["train/images"][:]).hexdigest()[:16]
        file.attrs.update(
            classes=[f"class{i}" for i in range(classes)], mean=pixels.mean(0),
            std=pixels.std(0), source="noise", hash=digest, format_version=2,
        )
    return path


# --- random draws ---

ORDER, DROPOUT = 2, 4  # enum rng_purpose


def draws(seed, purpose, a, b, count):
    """The first `count` words of a stream: Philox4x32-10."""
    mask, low, high = np.uint64(0xFFFFFFFF), np.uint64, np.uint64(32)
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    word = lambda value: np.full_like(blocks, value)
    c = [blocks, word(a), word(b & 0xFFFFFFFF), word(purpose << 24 | b >> 32)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p, q = low(0xD2511F53) * c[0], low(0xCD9E8D57) * c[2]
        c = [q >> high ^ c[1] ^ low(k[0]), q & mask, p >> high ^ c[3] ^ low(k[1]), p & mask]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, axis=1).reshape(-1)[:count]


def order(epoch, count, seed=SEED):
    """The samples of an epoch in their order: a Feistel network, walked until it is back
    among them."""
    keys = [int(key) for key in draws(seed, ORDER, epoch, 0, 8)]
    bits = 0
    while (count - 1) >> (2 * bits):
        bits += 1
    mask = (1 << bits) - 1

    def round_of(x, key):
        p = (x ^ key) * 0xD2511F53
        p = (p >> 32 ^ p & 0xFFFFFFFF ^ key) * 0xCD9E8D57
        return (p >> 32 ^ p) & 0xFFFFFFFF

    def permute(x):
        left, right = x >> bits & mask, x & mask
        for key in keys:
            left, right = right, (left ^ round_of(right, key)) & mask
        return left << bits | right

    def at(i):
        i = permute(i)
        while i >= count:
            i = permute(i)
        return i

    return [at(i) for i in range(count)]


def grains(step, count, batch, grain, seed=SEED):
    """The samples of each grain of a step (include/base/grain.h)."""
    steps = -(-count // batch)
    first = step % steps * batch
    chosen = order(step // steps, count, seed)[first : first + batch]
    return [part.tolist() for part in np.array_split(chosen, -(-len(chosen) // grain))]


def kept(p, count, layer, step, sample, seed=SEED):
    """What dropout or droppath number `layer` of the network keeps of a sample: `count`
    times True or False."""
    a, b = (step * 64 + layer % 64) & 0xFFFFFFFF, sample | layer // 64 << 48
    return draws(seed, DROPOUT, a, b, count) >= int(p * 2**32)
