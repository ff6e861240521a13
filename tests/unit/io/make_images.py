#!/usr/bin/python3
"""make_images.py FOLDER: images of every kind, and what Pillow makes of them.

Writes NAME.img, a file of some format, and NAME.raw: "h w c\n", then the pixels that lockstep
must read, bit for bit; and NAME.bad, a file that it must refuse, and NAME.says, what it must say.
Exit status 77 if Pillow is missing. What Pillow cannot write is written here byte by byte.
"""
import io
import pathlib
import random
import struct
import sys
import zlib

try:
    from PIL import Image, ImageChops, ImageOps
except ImportError:
    sys.exit(77)

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
random.seed(3)


def emit(name, data, image):
    """data: the file's bytes; image: what must be read, grey or RGB."""
    assert image.mode in ("L", "RGB")
    head = f"{image.height} {image.width} {len(image.getbands())}\n".encode()
    (OUT / f"{name}.img").write_bytes(data)
    (OUT / f"{name}.raw").write_bytes(head + image.tobytes())


def refuse(name, data, says):
    (OUT / f"{name}.bad").write_bytes(data)
    (OUT / f"{name}.says").write_text(says)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def picture(mode, w=37, h=29):
    """Smooth, with some noise: a photograph as codecs like it."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    data = bytearray()
    for y in range(h):
        for x in range(w):
            for k in range(bands):
                data.append((x * (5 + k) + y * (3 + 2 * k) + random.randrange(20)) % 256)
    return Image.frombytes(mode, (w, h), bytes(data))


def on_white(image):
    """As documented in image.h."""
    *colours, alpha = image.split()
    pixels = [zip(c.tobytes(), alpha.tobytes()) for c in colours]
    laid = [bytes((v * a + 255 * (255 - a) + 127) // 255 for v, a in band) for band in pixels]
    return Image.merge("RGB" if len(laid) == 3 else "L",
                       [Image.frombytes("L", image.size, band) for band in laid])


def from_16(samples, size, mode):
    return Image.frombytes(mode, size, bytes((v * 255 + 32767) // 65535 for v in samples))


# --- PNG ---


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_16(samples, w, h, colour):
    per_row = len(samples) // h
    rows = b"".join(b"\0" + struct.pack(f">{per_row}H", *samples[y * per_row:(y + 1) * per_row])
                    for y in range(h))
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_png():
    for mode in ("L", "RGB"):
        image = picture(mode)
        emit(f"png-{mode}", saved(image, "PNG"), image)
    palette = picture("RGB").quantize(64)
    emit("png-palette", saved(palette, "PNG"), palette.convert("RGB"))
    bits = picture("L").convert("1")
    emit("png-1", saved(bits, "PNG"), bits.convert("L"))
    for mode in ("LA", "RGBA"):
        image = picture(mode)
        emit(f"png-{mode}", saved(image, "PNG"), on_white(image))
    samples = [random.randrange(65536) for _ in range(11 * 7 * 3)]
    emit("png-16-rgb", png_16(samples, 11, 7, 2), from_16(samples, (11, 7), "RGB"))
    emit("png-16-grey", png_16(samples, 33, 7, 0), from_16(samples, (33, 7), "L"))


# --- JPEG ---

ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"


def without_segment(data, marker):
    """The JPEG without its segments of that marker."""
    out, at = data[:2], 2
    while data[at + 1] != 0xda:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] != marker:
            out += data[at:end]
        at = end
    return out + data[at:]


def as_adobe(data, transform):
    plain = without_segment(without_segment(data, 0xe0), 0xee)
    return plain[:2] + ADOBE + bytes([transform]) + plain[2:]


def make_jpeg():
    grey, rgb = picture("L", 61, 43), picture("RGB", 61, 43)
    for name, options in {"": {}, "-95": {"quality": 95}, "-20": {"quality": 20},
                          "-progressive": {"progressive": True},
                          "-optimized": {"optimize": True}}.items():
        data = saved(grey, "JPEG", **options)
        emit(f"jpeg-grey{name}", data, opened(data))
        for sampling in (0, 1, 2):
            data = saved(rgb, "JPEG", subsampling=sampling, **options)
            emit(f"jpeg-rgb-{sampling}{name}", data, opened(data))
    for side in (1, 2, 7, 8, 9, 16, 17):
        data = saved(picture("RGB", side, 18 - side), "JPEG")
        emit(f"jpeg-side-{side}", data, opened(data))
    data = as_adobe(saved(rgb, "JPEG", subsampling=0), 0)
    emit("jpeg-untransformed", data, opened(data))
    cmyk = saved(picture("CMYK", 40, 30), "JPEG", quality=90)
    emit("jpeg-cmyk-adobe", cmyk, opened(cmyk).convert("RGB"))
    ycck = as_adobe(cmyk, 2)
    emit("jpeg-ycck-adobe", ycck, opened(ycck).convert("RGB"))
    plain = without_segment(cmyk, 0xee)  # Pillow takes it for inverted all the same
    emit("jpeg-cmyk-plain", plain, ImageChops.invert(opened(plain)).convert("RGB"))


# --- WebP ---


def make_webp():
    rgb, rgba, grey = picture("RGB"), picture("RGBA"), picture("L")
    emit("webp-lossless", saved(rgb, "WEBP", lossless=True), rgb)
    emit("webp-grey", saved(grey.convert("RGB"), "WEBP", lossless=True), grey)
    emit("webp-alpha", saved(rgba, "WEBP", lossless=True, exact=True), on_white(rgba))
    for quality in (10, 80):
        data = saved(rgb, "WEBP", quality=quality)
        emit(f"webp-lossy-{quality}", data, opened(data).convert("RGB"))
    data = saved(rgba, "WEBP", quality=80)
    emit("webp-lossy-alpha", data, on_white(opened(data)))


# --- TIFF ---


def tiff(tags, blocks, order="<", tiles=False):
    """A TIFF of blocks (strips or tiles); tags: {number: (type, [values])}."""
    sizes = {3: "H", 4: "I"}
    tags = dict(tags)
    tags[324 if tiles else 273] = (4, [0] * len(blocks))
    tags[325 if tiles else 279] = (4, [len(b) for b in blocks])
    at = 8 + 2 + 12 * len(tags) + 4
    extra_at, extras = {}, b""
    for tag, (kind, values) in sorted(tags.items()):
        size = struct.calcsize(order + sizes[kind]) * len(values)
        if size > 4:
            extra_at[tag] = at + len(extras)
            extras += bytes(size + size % 2)
    begin, places = at + len(extras), []
    for block in blocks:
        places.append(begin)
        begin += len(block)
    tags[324 if tiles else 273] = (4, places)
    entries, extras = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        if len(data) > 4:
            extras += data + bytes(len(data) % 2)
            data = struct.pack(order + "I", extra_at[tag])
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return (magic + struct.pack(order + "H", len(tags)) + entries + bytes(4) + extras +
            b"".join(blocks))


def big_tiff(image):
    """A BigTIFF: 8 bytes for what has 4 in a TIFF."""
    pixels = image.tobytes()
    tags = {256: image.width, 257: image.height, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1,
            278: image.height, 279: len(pixels)}
    tags[273] = 16 + 8 + 20 * len(tags) + 8
    entries = b"".join(struct.pack("<HHQQ", tag, 16, 1, value) for tag, value in tags.items())
    return (b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, len(tags)) + entries + bytes(8) + pixels)


def tags_of(w, h, bits, samples, photometric, **more):
    tags = {256: (4, [w]), 257: (4, [h]), 258: (3, [bits] * samples), 259: (3, [1]),
            262: (3, [photometric]), 277: (3, [samples]), 278: (4, [h])}
    return tags | {int(k[1:]): v for k, v in more.items()}


def make_tiff_by_hand():
    grey, rgb = picture("L", 40, 24), picture("RGB", 40, 24)
    emit("tiff-white", tiff(tags_of(40, 24, 8, 1, 0), [grey.tobytes()]),
         ImageChops.invert(grey))
    emit("tiff-planes", tiff(tags_of(40, 24, 8, 3, 2, t284=(3, [2])),
                             [band.tobytes() for band in rgb.split()]), rgb)
    tiles = [rgb.crop((x, y, x + 16, y + 16)).tobytes() for y in (0, 16) for x in (0, 16, 32)]
    emit("tiff-tiles", tiff(tags_of(40, 24, 8, 3, 2, t322=(4, [16]), t323=(4, [16])), tiles,
                            tiles=True), rgb)
    strips = [grey.crop((0, y, 40, min(y + 7, 24))).tobytes() for y in range(0, 24, 7)]
    emit("tiff-strips", tiff(tags_of(40, 24, 8, 1, 1, t278=(4, [7])), strips, ">"), grey)
    nibbles = [random.randrange(16) for _ in range(40 * 24)]
    packed = bytes(a << 4 | b for a, b in zip(nibbles[::2], nibbles[1::2]))
    emit("tiff-4", tiff(tags_of(40, 24, 4, 1, 1), [packed]),
         Image.frombytes("L", (40, 24), bytes(17 * v for v in nibbles)))
    for order in "<>":
        samples = [random.randrange(65536) for _ in range(11 * 7 * 3)]
        data = struct.pack(f"{order}231H", *samples)
        emit(f"tiff-16-grey-{ord(order)}", tiff(tags_of(33, 7, 16, 1, 1), [data], order),
             from_16(samples, (33, 7), "L"))
        emit(f"tiff-16-rgb-{ord(order)}", tiff(tags_of(11, 7, 16, 3, 2), [data], order),
             from_16(samples, (11, 7), "RGB"))
    colours = [random.randrange(256) * 257 for _ in range(48)]
    emit("tiff-palette-4", tiff(tags_of(40, 24, 4, 1, 3, t320=(3, colours)), [packed]),
         Image.frombytes("RGB", (40, 24), bytes(
             colours[16 * k + v] // 257 for v in nibbles for k in range(3))))
    emit("tiff-big", big_tiff(grey), grey)
    rgba = picture("RGBA", 40, 24)
    emit("tiff-alpha", tiff(tags_of(40, 24, 8, 4, 2, t338=(3, [2])), [rgba.tobytes()]),
         on_white(rgba))
    made = rgba.convert("RGBa")
    laid = bytes(min(255, v + 255 - a) for *c, a in made.getdata() for v in c)
    emit("tiff-premultiplied", tiff(tags_of(40, 24, 8, 4, 2, t338=(3, [1])), [made.tobytes()]),
         Image.frombytes("RGB", (40, 24), laid))


def make_tiff():
    make_tiff_by_hand()
    grey, rgb = picture("L"), picture("RGB")
    palette = rgb.quantize(200)
    for code in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd"):
        emit(f"tiff-grey-{code}", saved(grey, "TIFF", compression=code), grey)
        emit(f"tiff-rgb-{code}", saved(rgb, "TIFF", compression=code), rgb)
        data = saved(palette, "TIFF", compression=code)
        emit(f"tiff-palette-{code}", data, opened(data).convert("RGB"))
    for code in ("tiff_ccitt", "group3", "group4", "raw"):
        bits = grey.convert("1")
        data = saved(bits, "TIFF", compression=code)
        emit(f"tiff-1-{code}", data, bits.convert("L"))
    for mode in ("L", "RGB"):
        data = saved(picture(mode, 64, 48), "TIFF", compression="jpeg")
        emit(f"tiff-jpeg-{mode}", data, opened(data))
    cmyk = picture("CMYK")
    emit("tiff-cmyk", saved(cmyk, "TIFF"), cmyk.convert("RGB"))
    emit("tiff-pages", saved(grey, "TIFF", save_all=True, append_images=[rgb, grey]), grey)


# --- orientation ---


def make_turned():
    """The file's pixels, and how they must be turned: orientation 6 is a camera held upright."""
    turns = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM,
             5: Image.TRANSPOSE, 6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}
    for n in range(1, 9):
        image = picture("RGB", 70, 45)
        exif = Image.Exif()
        exif[0x0112] = n
        for kind, options in {"JPEG": {}, "PNG": {}, "WEBP": {"lossless": True}}.items():
            data = saved(image, kind, exif=exif, **options)
            stored = opened(data)
            turned = ImageOps.exif_transpose(stored)
            assert n == 1 or turned.tobytes() == stored.transpose(turns[n]).tobytes()
            emit(f"turned-{kind.lower()}-{n}", data, turned)
        tags = tags_of(70, 45, 8, 3, 2, t274=(3, [n]))
        emit(f"turned-tiff-{n}", tiff(tags, [image.tobytes()]),
             image if n == 1 else image.transpose(turns[n]))


# --- files that must be refused ---


def resized_jpeg(data, side):
    """Says that it has side x side pixels."""
    at = min(i for i in (data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) if i >= 0)
    return data[:at + 5] + struct.pack(">HH", side, side) + data[at + 9:]


def make_refused():
    grey, rgb = picture("L"), picture("RGB")
    baseline, progressive = saved(rgb, "JPEG"), saved(rgb, "JPEG", progressive=True)
    begin = progressive.find(b"\xff\xda")
    end = progressive.find(b"\xff\xc4", begin)  # the tables of the next scan
    refuse("jpeg-scans", progressive[:begin] + 200 * progressive[begin:end] + progressive[end:],
           "too many scans")
    refuse("jpeg-huge", resized_jpeg(baseline, 60000), "too many pixels")
    refuse("jpeg-short", resized_jpeg(progressive, 5000), "too short for its size")
    webp = bytearray(saved(rgb, "WEBP", lossless=True))
    refuse("webp-animation", saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(9)]),
           "it is an animation")
    webp[21:25] = b"\xff\xff\xff\x0f"  # VP8L: 14 bits each
    refuse("webp-huge", bytes(webp), "too many pixels")
    for name, bits, samples, photometric, more, says in (
            ("float", 32, 1, 1, {"t339": (3, [3])}, "not unsigned integers"),
            ("12", 12, 1, 1, {}, "its samples have 12 bits: lockstep reads 1, 2, 4, 8 and 16"),
            ("lab", 8, 3, 8, {}, "it is not grey, RGB, palette or CMYK"),
            ("five", 8, 5, 1, {}, "its pixels have 5 samples"),
            ("jpeg2000", 8, 1, 1, {"t259": (3, [34712])}, "its compression 34712"),
            ("huge", 8, 1, 1, {"t256": (4, [60000]), "t257": (4, [60000])}, "too many pixels"),
            ("large", 8, 1, 1, {"t256": (4, [8192]), "t257": (4, [8192])}, "a TIFF cut short"),
            ("tile", 8, 1, 1, {"t322": (4, [60000]), "t323": (4, [60000])}, "too many pixels"),
    ):
        data = bytes(40 * 24 * samples * 4)
        refuse(f"tiff-{name}", tiff(tags_of(40, 24, bits, samples, photometric, **more), [data],
                                    tiles=name == "tile"), says)
    strips = [bytes(4)] * 2000
    data = tiff(tags_of(4, 2000, 8, 1, 1, t278=(4, [1]), t259=(3, [5])), strips)
    counts = struct.pack("<2000I", *[4] * 2000)
    assert counts in data
    refuse("tiff-overlap", data.replace(counts, struct.pack("<2000I", *[9000] * 2000)),
           "its blocks overlap")
    refuse("tiff-end", saved(grey, "TIFF")[:-300], "a TIFF cut short")


if __name__ == "__main__":
    make_png()
    make_jpeg()
    make_webp()
    make_tiff()
    make_turned()
    make_refused()
