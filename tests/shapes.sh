# shellcheck shell=bash
# Sourced by the tests of images with several classes.

# shapes FOLDER COUNT [SPLIT...]: pictures of 16x16 pixels with a red square, a blue disc, a
# green line, all of them or none, and FOLDER/list.csv, in which every fourth one is for testing.
shapes() {
    /usr/bin/python3 - "$@" <<'END'
import csv, os, sys
import numpy as np
from PIL import Image, ImageDraw
folder, count = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(3)
os.makedirs(folder)
with open(folder + "/list.csv", "w", newline="") as out:
    rows = csv.writer(out)
    rows.writerow(["path", "label", "split"])
    for i in range(count):
        picture = Image.fromarray(rng.integers(60, 90, (16, 16, 3)).astype(np.uint8))
        draw, has = ImageDraw.Draw(picture), []
        x, y = rng.integers(0, 10, 2)
        if rng.random() < 0.5:
            draw.rectangle([x, y, x + 5, y + 5], fill=(220, 40, 40))
            has.append("square")
        x, y = rng.integers(0, 9, 2)
        if rng.random() < 0.4:
            draw.ellipse([x, y, x + 6, y + 6], fill=(40, 60, 230))
            has.append("disc")
        if rng.random() < 0.2:
            draw.line([0, y + 3, 15, y + 3], fill=(40, 220, 40), width=2)
            has.append("line")
        picture.save("%s/%03d.png" % (folder, i))
        rows.writerow(["%03d.png" % i, ";".join(has), "test" if i % 4 == 0 else "train"])
END
}

# shapes_config FILE: a small network for them.
shapes_config() {
    cat >"$1" <<'END'
[model]
layer = conv 12 kernel=3
layer = maxpool 2
layer = relu
layer = conv 16 kernel=3
layer = batchnorm
layer = relu
layer = flatten
layer = dropout p=0.1
layer = linear classes as=head
layer = logsoftmax
[train]
epochs = 6
batch = 24
grain = 8
[optim]
lr = 0.1
[log]
every = 10
END
}
