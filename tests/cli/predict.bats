#!/usr/bin/env bats
# lockstep predict: PNG images of any size and colour, dark on light, unreadable.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 30
    train 1 "$TINY" --run run --set train.epochs=4 --set data.shift_x=-2 \
        --set data.shift_y=1 >/dev/null
    "$LOCKSTEP" eval run --data letters.h5 --out answers.h5 >/dev/null
    h5 letters.h5 <<'END'
import struct, zlib
def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
def png(path, pixels):  # (h, w) grey or (h, w, 3) colour
    h, w = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
            ">IIBBBBB", w, h, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)))
        out.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
for i in range(5):
    image = f[0]["test/images"][i]
    png("%d.png" % i, image)
    png("dark-%d.png" % i, 255 - image)
    png("large-%d.png" % i, image.repeat(6, 0).repeat(6, 1))
    png("colour-%d.png" % i, np.stack([image] * 3, 2))
png("wide.png", np.pad(image, ((0, 0), (40, 40))))
png("dot.png", image[14:15, 14:15])
END
    head -c 300 0.png >cut.png
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# answers PREFIX: the answers of eval for the first five images, as predict prints them.
answers() {
    h5 answers.h5 letters.h5 <<END
for i in range(5):
    p = np.exp(f[0]["logprobs"][i].astype(float))
    print("$1".replace("#", str(i)) + ":" + "".join(
        "  %s %.1f %%" % (f[1].attrs["classes"][c].decode(), 100 * p[c])
        for c in np.argsort(-p, kind="stable")[:3]))
END
}

@test "predict prints the three most likely classes, with the probabilities of eval" {
    "$LOCKSTEP" predict run {0,1,2,3,4}.png >out
    cat out
    answers '#.png' | diff - out
}

@test "dark on light is inverted, and the output says so" {
    "$LOCKSTEP" predict run dark-{0,1,2,3,4}.png >out
    answers 'dark-#.png (dark on light, inverted)' | diff - out
}

@test "colour and a whole multiple of the size make no difference" {
    "$LOCKSTEP" predict run colour-{0,1,2,3,4}.png >out
    answers 'colour-#.png' | diff - out
    "$LOCKSTEP" predict run large-{0,1,2,3,4}.png | sed -E 's/  ([A-Z]) .*/ \1/' >out
    answers 'large-#.png' | sed -E 's/  ([A-Z]) .*/ \1/' | diff - out
}

@test "images of any shape are answered, also with --crop" {
    "$LOCKSTEP" predict run wide.png dot.png 0.png >out
    [ "$(grep -cE '^[a-z0-9]+\.png( \(dark on light, inverted\))?:(  [A-Z] [0-9.]+ %){3}$' out)" -eq 3 ]
    "$LOCKSTEP" predict run/checkpoints/best.h5 --crop wide.png dot.png 0.png >out
    [ "$(grep -cE '^[a-z0-9]+\.png.*:(  [A-Z] [0-9.]+ %){3}$' out)" -eq 3 ]
}

@test "an unreadable image is reported in one line, and the others are answered" {
    run --separate-stderr "$LOCKSTEP" predict run 0.png cut.png letters.h5 none.png . 1.png
    echo "$output; $stderr"
    [ "$status" -eq 1 ]
    answers '#.png' | head -n 2 | diff - <(echo "$output")
    # shellcheck disable=SC2154
    [ "${#stderr_lines[@]}" -eq 4 ]
    [[ ${stderr_lines[0]} == "lockstep: 'cut.png' is a PNG cut short" ]]
    [[ ${stderr_lines[1]} == "lockstep: 'letters.h5' is an HDF5 file, not an image: lockstep reads PNG, JPEG, WebP and TIFF" ]]
    [[ ${stderr_lines[2]} == "lockstep: cannot open 'none.png': No such file or directory" ]]
    [[ ${stderr_lines[3]} == "lockstep: cannot read '.': it is a folder, not an image" ]]
}

@test "predict without an image or a checkpoint is refused" {
    refused 2 "usage: lockstep predict CHECKPOINT IMAGE...*" "$LOCKSTEP" predict run
    refused 1 "cannot open 'none.h5': *" "$LOCKSTEP" predict none.h5 0.png
    refused 1 "'0.png' is *, not an HDF5 file" "$LOCKSTEP" predict 0.png 1.png
}
