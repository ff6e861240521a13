"""Folders of pictures as cameras, scanners and other tools leave them; made with Pillow."""

import os
import numpy as np
from PIL import Image


def noise(seed, h=8, w=8, c=3):
    """A picture without two equal neighbours: none is paper, none equals another."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (h, w, 3) if c == 3 else (h, w)).astype(np.uint8)


def save(path, pixels, **how):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    Image.fromarray(pixels).save(path, **how)


def folder(top, classes=("cat", "dog"), n=4, h=8, w=8, c=3, seed=0, end="png"):
    for k, name in enumerate(classes):
        for i in range(n):
            save("%s/%s/%02d.%s" % (top, name, i, end),
                 noise((seed, k, i), h, w, c))
