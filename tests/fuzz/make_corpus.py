#!/usr/bin/env python3
"""Write the seeds for fuzzing into tests/fuzz/corpus/TARGET/seed-*.

make_corpus.py [LOCKSTEP]: the program (build/lockstep) writes its own formats; this script
writes the formats of others: gzip, images of every kind, and the same HDF5 content as h5py
stores it, and named arrays. Needs python3-h5py and python3-pil. Keeps inputs that were added because they once failed.
"""
import gzip
import io
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import h5py
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "unit" / "io"))
import make_images as images  # noqa: E402
LOCKSTEP = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/lockstep").resolve()
SIDE = 6

random.seed(1)


def lockstep(*words):
    subprocess.run([LOCKSTEP, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def seed(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


def part(data):
    return struct.pack(">I", len(data))[1:] + data


def pixels(count):
    return bytes(random.randrange(256) for _ in range(count))


# --- formats of others ---


def idx(dims, data):
    return struct.pack(f">BBBB{len(dims)}I", 0, 0, 8, len(dims), *dims) + data


def idx_seeds():
    images = idx((5, 4, 3), pixels(60))
    labels = idx((5,), bytes([0, 1, 2, 1, 0]))
    one_based = idx((5,), bytes([1, 2, 2, 1, 1]))
    seed("idx", "plain", bytes([8]) + part(images) + labels)
    seed("idx", "transposed", bytes([2 + 4]) + part(images) + one_based)
    packed = gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)
    seed("idx", "gzip", bytes([8]) + part(packed[0]) + packed[1])
    members = gzip.compress(images[:20], mtime=0) + gzip.compress(images[20:], mtime=0)
    seed("idx", "members", bytes([8]) + part(members) + labels)
    seed("idx", "digits", bytes([1 + 8]) + part(images) + labels)


def table(rows, columns, ends="\n"):
    lines = (",".join(map(str, [i % 3, *pixels(columns)])) for i in range(rows))
    return (ends.join(lines) + ends).encode()


def csv_seeds():
    heading = ("label," + ",".join(f"pixel{i}" for i in range(9)) + "\r\n").encode()
    seed("csv", "plain", bytes([0]) + table(9, 9))
    seed("csv", "heading", bytes([1 + 2]) + heading + table(6, 9, "\r\n"))
    seed("csv", "size", bytes([4 + 16]) + table(6, 6))
    seed("csv", "gzip", bytes([32]) + gzip.compress(table(6, 16), mtime=0))
    seed("csv", "mark", bytes([8 + 32]) + b"\xef\xbb\xbf" + table(4, 4).replace(b",", b" , "))


def predictions_seeds():
    def lines(*rows):
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    def answer(c, p):
        return {"label": NAMES[c], "class": c, "p": p}

    NAMES = ["cat", "dog;1", 'a "quote"']
    top = [answer(2, 0.5), answer(0, 0.25), answer(1, 0.25)]
    one = {"path": "a/\u00e9.png", **top[0], "top": top[:2]}
    unsure = {"path": "b.png", "label": None, "class": -1, "p": 0.4, "top": top[:1]}
    failed = {"path": "c?.png", "path_hex": "63ff2e706e67", "error": "no picture"}
    several = {"path": "d.png", "labels": top[:2], "top": top}
    none = {"path": "e.png", "labels": [], "top": top[:1]}
    rows = lines(one, unsure, failed)
    seed("predictions", "one", bytes([2 + 8 + 112]) + rows)
    seed("predictions", "cut", bytes([1 + 8 + 112]) + rows + rows[:50])
    seed("predictions", "sets", bytes([3 + 4 + 112]) + lines(several, none, failed))


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def rows(height, width, bits):
    """Rows of `bits` per pixel, each after its filter byte."""
    line = (width * bits + 7) // 8
    return b"".join(bytes([y % 5]) + pixels(line) for y in range(height) if line)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def png(color, bits, height=9, width=7, more=b"", interlaced=False):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    if interlaced:
        data = b"".join(rows((height - y + dy - 1) // dy, (width - x + dx - 1) // dx,
                             channels * bits) for x, y, dx, dy in ADAM7)
    else:
        data = rows(height, width, channels * bits)
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def png_seeds():
    palette = chunk(b"PLTE", pixels(48)) + chunk(b"tRNS", pixels(7))
    pairs = {
        "grey": (1, png(0, 8), png(0, 1)),
        "color": (0, png(2, 8), png(2, 16)),
        "palette": (2, png(3, 4, more=palette), png(3, 8, more=palette)),
        "alpha": (5, png(6, 8), png(4, 16)),
        "interlaced": (0, png(0, 4, interlaced=True), png(6, 8, interlaced=True)),
        "extras": (0, png(0, 2, more=chunk(b"gAMA", struct.pack(">I", 45455)) +
                              chunk(b"tEXt", b"Title\0an image") + chunk(b"tRNS", b"\0\1")),
                   png(2, 8, more=chunk(b"tIME", pixels(7)) + chunk(b"pHYs", pixels(9)))),
    }
    for name, (flags, one, two) in pairs.items():
        seed("png", name, bytes([flags, 5, 8]) + part(one) + two)


def turned(n):
    exif = images.Image.Exif()
    exif[0x0112] = n
    return exif


def image_seed(target, name, data, flags=0):
    """flags, height, width, of tests/fuzz/fuzz_image.h"""
    seed(target, name, bytes([flags, 5, 8]) + data)


def jpeg_seeds():
    grey, rgb, cmyk = (images.picture(mode, 20, 13) for mode in ("L", "RGB", "CMYK"))
    image_seed("jpeg", "grey", images.saved(grey, "JPEG"))
    image_seed("jpeg", "420", images.saved(rgb, "JPEG"), 1)
    image_seed("jpeg", "444", images.saved(rgb, "JPEG", subsampling=0), 2)
    image_seed("jpeg", "progressive", images.saved(rgb, "JPEG", progressive=True), 4)
    image_seed("jpeg", "turned", images.saved(rgb, "JPEG", exif=turned(6)), 1 + 4)
    image_seed("jpeg", "cmyk", images.saved(cmyk, "JPEG"), 8)
    image_seed("jpeg", "ycck", images.as_adobe(images.saved(cmyk, "JPEG"), 2))


def webp_seeds():
    rgb, rgba = (images.picture(mode, 20, 13) for mode in ("RGB", "RGBA"))
    image_seed("webp", "lossless", images.saved(rgb, "WEBP", lossless=True))
    image_seed("webp", "palette", images.saved(rgb.quantize(8).convert("RGB"), "WEBP",
                                               lossless=True), 1)
    image_seed("webp", "lossy", images.saved(rgb, "WEBP"), 2)
    image_seed("webp", "alpha", images.saved(rgba, "WEBP", lossless=True, exact=True))
    image_seed("webp", "lossy-alpha", images.saved(rgba, "WEBP"), 8)
    image_seed("webp", "turned", images.saved(rgb, "WEBP", exif=turned(7)), 1)
    image_seed("webp", "animation", images.saved(rgb, "WEBP", save_all=True,
                                                 append_images=[rgb.rotate(90)]))


def tiff_seeds():
    grey, rgb = (images.picture(mode, 20, 13) for mode in ("L", "RGB"))
    for code in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"):
        image_seed("tiff", code, images.saved(rgb, "TIFF", compression=code), 1)
    for code in ("tiff_ccitt", "group3", "group4"):
        image_seed("tiff", code, images.saved(grey.convert("1"), "TIFF", compression=code))
    image_seed("tiff", "big", images.big_tiff(grey))
    image_seed("tiff", "palette", images.saved(rgb.quantize(9), "TIFF"), 2)
    image_seed("tiff", "pages", images.saved(grey, "TIFF", save_all=True, append_images=[rgb]))
    tags, tiff = images.tags_of, images.tiff
    image_seed("tiff", "planes", tiff(tags(6, 5, 8, 3, 2, t284=(3, [2]), t274=(3, [6])),
                                      [pixels(30)] * 3))
    image_seed("tiff", "tiles", tiff(tags(20, 13, 8, 1, 0, t322=(4, [16]), t323=(4, [16])),
                                     [pixels(256)] * 2, ">", tiles=True))
    image_seed("tiff", "16", tiff(tags(6, 5, 16, 4, 2, t338=(3, [1])), [pixels(240)], ">"), 16)
    image_seed("tiff", "nibbles", tiff(tags(6, 5, 4, 1, 1, t278=(4, [2])),
                                       [pixels(6), pixels(6), pixels(3)]), 32)


# --- named arrays ---


def safetensors(arrays, data, notes=None):
    """arrays: name -> (type, shape, begin, end)"""
    header = {"__metadata__": notes} if notes else {}
    for name, (kind, shape, begin, end) in arrays.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def safetensors_seeds():
    data = bytes(range(64))
    seed("safetensors", "floats", safetensors(
        {"conv1.weight": ("F32", [2, 1, 3, 1], 0, 24), "conv1.bias": ("F32", [2], 24, 32)}, data))
    seed("safetensors", "types", safetensors(
        {"a": ("F64", [1, 2], 0, 16), "b": ("F16", [3], 16, 22), "c": ("BF16", [], 22, 24),
         "d": ("I64", [], 24, 32), "e": ("BOOL", [0, 4], 32, 32), "f": ("F8_E4M3", [2], 32, 34)},
        data, {"format": "pt"}))
    seed("safetensors", "empty", safetensors({}, b""))
    seed("safetensors", "overlap", safetensors(
        {"a": ("F32", [2], 0, 8), "b": ("F32", [2], 4, 12)}, data))


def npy(array, version=(1, 0)):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    return out.getvalue()


def npz(members, how=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)  # of 1980: the same bytes each time
            info.compress_type = how
            with archive.open(info, "w", force_zip64=name.startswith("z")) as file:
                file.write(data)
    return out.getvalue()


def npz_seeds():
    numbers = np.arange(24, dtype="<f4").reshape(2, 3, 4)
    arrays = {"a.npy": npy(numbers), "b.npy": npy(numbers.T), "z.npy": npy(numbers[:1], (2, 0)),
              "c.npy": npy(numbers.astype(">f8"), (3, 0)), "d.npy": npy(numbers.astype("<f2")),
              "e.npy": npy(np.arange(3)), "f.npy": npy(np.float32(1)), "g.txt": b"text"}
    seed("npz", "stored", npz(arrays))
    seed("npz", "deflated", npz(arrays, zipfile.ZIP_DEFLATED))
    seed("npz", "zeros", npz({"a.npy": npy(np.zeros((300, 300)))}, zipfile.ZIP_DEFLATED))
    pair = np.zeros(2, [("x", "<f4"), ("y", "<f4")])
    seed("npz", "pairs", npz({"a.npy": npy(pair)}))
    seed("npz", "pickle", npz({"m/data/0": b"0000", "m/data.pkl": b"\x80\2."}))
    one = npz({"a.npy": npy(numbers)})
    end = one.rindex(b"PK\5\6")  # the same with the records of zip64
    count, size, begin = struct.unpack("<HII", one[end + 10:end + 20])
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, begin)
    seed("npz", "zip64", one[:end] + record + b"PK\6\7" + struct.pack("<IQI", 0, end, 1) +
         one[end:])


# --- our own formats ---


def config_seeds(effective):
    for path in sorted((ROOT / "configs").glob("*.conf")):
        seed("config", path.stem, path.read_bytes())
    seed("config", "effective", effective.encode())
    seed("config", "set", b"train.batch=64")


CONFIG = """[data]
file = {data}
[model]
layer = conv 2 kernel=3 pad=1
layer = maxpool 2
layer = {activation}
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
epochs = 2
batch = 6
ema = {ema}
[optim]
kind = {optim}
"""


def as_h5py(source, target, variable):
    """The same content in the format that h5py chooses: that of HDF5 1.0."""
    with h5py.File(source) as a, h5py.File(target, "w") as b:
        for name in sorted(named(a)):
            b.create_dataset(name, data=a[name][()], track_times=False)
        for name, value in a.attrs.items():
            if variable and isinstance(value, bytes):
                value = value.decode()
            elif variable and isinstance(value, np.ndarray) and value.dtype.kind == "S":
                value = [word.decode() for word in value]
            b.attrs[name] = value


def named(file):
    names = []
    file.visititems(lambda name, item: names.append(name)
                    if isinstance(item, h5py.Dataset) else None)
    return names


def without_sums(data):
    """Set HDF5's checksums of heap blocks to 0, as fuzz_h5.h computes them."""
    data = bytearray(data)
    for found in re.finditer(b"FHDB", data):
        at = found.start()
        (heap,) = struct.unpack_from("<Q", data, at + 5)
        assert data[heap:heap + 4] == b"FRHP"
        (offset_bits,) = struct.unpack_from("<H", data, heap + 128)
        sum_at = at + 13 + (offset_bits + 7) // 8
        data[sum_at:sum_at + 4] = bytes(4)
    return bytes(data)


def hdf5_seeds(target, path, work):
    """With a hash of 0, as hash_bytes returns it in the fuzzing programs."""
    for name in ("own", "h5py", "variable"):
        copy = work / "copy.h5"
        if name == "own":
            copy.write_bytes(path.read_bytes())
        else:
            as_h5py(path, copy, name == "variable")
        keys = ("hash", "head_hash") if target == "dataset" else ("content_hash",)
        data = copy.read_bytes()
        with h5py.File(copy) as file:
            for digits in (file.attrs[key] for key in keys):
                digits = digits if isinstance(digits, bytes) else digits.encode()
                assert re.fullmatch(rb"[0-9a-f]{16}", digits)
                data = data.replace(digits, b"0" * 16)
        seed(target, f"{path.stem}-{name}.h5", without_sums(data))


def arrays_h5_seeds(work):
    """Groups in HDF5's three formats: of 1.0, and of 1.8 with few and with many members."""
    numbers = np.arange(6, dtype="<f4")
    for name, options, members in (("early", {}, 3), ("late", {"libver": "latest"}, 3),
                                   ("many", {"libver": "latest", "track_order": True}, 12)):
        path = work / "arrays.h5"
        with h5py.File(path, "w", **options) as file:
            for i in range(members):
                file.create_dataset(f"layer{i}/weight", data=numbers.reshape(2, 3),
                                    track_times=False)
                file.create_dataset(f"bias{i}", data=numbers.astype(">f8"), track_times=False)
            file.create_dataset("n", data=3, track_times=False)
            file["again"] = file["layer0"]
            file["soft"] = h5py.SoftLink("/layer0")
        seed("arrays_h5", f"{name}.h5", without_sums(path.read_bytes()))


def make_dataset(path, work):
    source = work / "a.csv"
    source.write_bytes(table(12, SIDE * SIDE))
    lockstep("data", "import-csv", source, "--out", path, "--test-share", "0.25")


def make_files(path, work):
    """A data set that holds files: two kinds, one of which is scaled."""
    for i in range(8):
        folder = work / "pictures" / ("train" if i < 6 else "test") / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.effect_noise((SIDE * (1 + i % 3), SIDE), 60)
        image.save(folder / f"{i}.{'png' if i % 4 == 3 else 'jpg'}")
    lockstep("data", "import", work / "pictures", "--out", path, "--size", SIDE,
             "--store", "encoded")


def make_sets(path, work):
    """Images with several classes, or none."""
    (work / "sets").mkdir(exist_ok=True)
    lines = ["path,label,split"]
    for i, label in enumerate(("a", "", "b;c", "a;j", "d;e;f", "g;h;i", "", "a;b", "c", "j")):
        Image.effect_noise((SIDE, SIDE), 60).save(work / "sets" / f"{i}.png")
        lines.append(f"{i}.png,{label},{'train' if i < 7 else 'test'}")
    (work / "sets" / "list.csv").write_text("\n".join(lines) + "\n")
    lockstep("data", "import", work / "sets" / "list.csv", "--out", path)


def train(name, data, work, **settings):
    config = work / f"{name}.conf"
    config.write_text(CONFIG.format(data=data, **settings))
    lockstep("train", config, "--run", work / name, "--threads", 1)
    path = work / f"{name}.h5"
    (work / name / "checkpoints" / "best.h5").rename(path)
    return path


def own_seeds(work):
    arrays_h5_seeds(work)
    data = work / "table.h5"
    make_dataset(data, work)
    hdf5_seeds("dataset", data, work)
    files = work / "files.h5"
    make_files(files, work)
    hdf5_seeds("dataset", files, work)
    sets = work / "sets.h5"
    make_sets(sets, work)
    hdf5_seeds("dataset", sets, work)
    adamw = train("adamw", data, work, activation="gelu", ema=0.9, optim="adamw")
    hdf5_seeds("checkpoint", adamw, work)
    sgd = train("sgd", data, work, activation="relu", ema=0, optim="sgd")
    hdf5_seeds("checkpoint", sgd, work)
    seed("dataset", "metrics.h5", without_sums((work / "sgd" / "metrics.h5").read_bytes()))
    with h5py.File(adamw) as file:
        effective = file.attrs["config"]
    effective = effective.decode() if isinstance(effective, bytes) else effective
    config_seeds(effective.replace(str(data), "data/letters.h5"))


with tempfile.TemporaryDirectory() as folder:
    idx_seeds()
    csv_seeds()
    predictions_seeds()
    png_seeds()
    jpeg_seeds()
    webp_seeds()
    tiff_seeds()
    safetensors_seeds()
    npz_seeds()
    own_seeds(pathlib.Path(folder))
