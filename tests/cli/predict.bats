#!/usr/bin/env bats
# lockstep predict: PNG images of any size and colour, dark on light, unreadable; folders,
# lists, names on stdin, thousands of them.
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
    run --separate-stderr "$LOCKSTEP" predict run 0.png cut.png letters.h5 none.png 1.png
    echo "$output; $stderr"
    [ "$status" -eq 1 ]
    answers '#.png' | head -n 2 | diff - <(echo "$output")
    # shellcheck disable=SC2154
    [ "${#stderr_lines[@]}" -eq 3 ]
    [[ ${stderr_lines[0]} == "lockstep: 'cut.png' is a PNG cut short" ]]
    [[ ${stderr_lines[1]} == "lockstep: 'letters.h5' is an HDF5 file, not an image: lockstep reads PNG, JPEG, WebP and TIFF" ]]
    [[ ${stderr_lines[2]} == "lockstep: cannot open 'none.png': No such file or directory" ]]
}

@test "predict without an image or a checkpoint is refused" {
    refused 2 "no pictures: name some, or give --from DIR, a list, or -" "$LOCKSTEP" predict run
    refused 2 "usage: lockstep predict CHECKPOINT *" "$LOCKSTEP" predict
    refused 1 "cannot open 'none.h5': *" "$LOCKSTEP" predict none.h5 0.png
    refused 1 "'0.png' is *, not an HDF5 file" "$LOCKSTEP" predict 0.png 1.png
}

# nest: the folder `nest` with the five images in folders, and files that are no images.
nest() {
    mkdir -p nest/b/deep nest/a "nest/c d" nest/.hidden nest/empty
    cp 0.png nest/b/deep/
    cp 1.png nest/a/one.jpg # named as another kind
    cp 2.png "nest/c d/2"   # no picture by its name
    cp 3.png nest/c.png
    cp 4.png nest/.hidden/
    echo text >nest/README.txt
    echo text >nest/b/notes
    nested=(nest/a/one.jpg nest/b/deep/0.png "nest/c d/2" nest/c.png)
}

@test "a folder stands for the pictures in it and below, in order; others are noted" {
    nest
    "$LOCKSTEP" predict run "${nested[@]}" >wanted
    "$LOCKSTEP" predict run nest >out 2>err
    diff wanted out
    [ "$(wc -l <out)" -eq 4 ]
    grep -q "^note: passed over 2 files that are no pictures, 'README.txt'$" err
    grep -q '^note: passed over 1 hidden files and folders' err
    "$LOCKSTEP" predict run --from nest 2>/dev/null | diff wanted -
    "$LOCKSTEP" predict run 4.png nest 0.png >out 2>/dev/null
    { "$LOCKSTEP" predict run 4.png && cat wanted && "$LOCKSTEP" predict run 0.png; } | diff - out
    refused 1 "'nest/empty' holds no pictures" "$LOCKSTEP" predict run nest/empty
}

@test "names come from a list or from stdin, a line or a NUL after each" {
    nest
    "$LOCKSTEP" predict run "${nested[@]}" 0.png >wanted
    printf '%s\n' "${nested[@]}" 0.png >list
    printf '\xef\xbb\xbf%s\r\n\r\n' "${nested[0]}" >windows
    printf '%s\r\n' "${nested[@]:1}" >>windows
    printf 0.png >>windows
    printf '%s\0' "${nested[@]}" 0.png >zero
    for names in list windows zero; do
        "$LOCKSTEP" predict run --from $names | diff wanted -
        "$LOCKSTEP" predict run --from - <$names | diff wanted -
    done
    refused 1 "'stdin' names no pictures: it is empty" \
        "$LOCKSTEP" predict run --from - </dev/null
    printf '\n\r\n' >blank
    refused 1 "'blank' names no pictures: it is empty" "$LOCKSTEP" predict run --from blank
    refused 2 "give the names of pictures or --from, not both" \
        "$LOCKSTEP" predict run 0.png --from list
    refused 2 "'0.png' is a PNG image, not a list of names: give it without --from" \
        "$LOCKSTEP" predict run --from 0.png
    refused 1 "cannot open 'none': No such file or directory" "$LOCKSTEP" predict run --from none
    refused 1 "'letters.h5' is *, not a list of names*" "$LOCKSTEP" predict run --from letters.h5
    head -c 9000 /dev/zero | tr '\0' x >long
    refused 1 "a line of 'long' is too long for the name of a file" \
        "$LOCKSTEP" predict run --from long
}

# times N FILE: the file N times.
times() {
    yes "$2" | head -n "$1" | xargs cat
}

@test "5,000 pictures with few open files: the same answers" {
    printf '%s\n' {0,1,2,3,4}.png >five
    { times 1000 five && echo cut.png; } >list
    ulimit -n 32
    run --separate-stderr "$LOCKSTEP" predict run --from list
    [ "$status" -eq 1 ]
    [ "$stderr" = "lockstep: 'cut.png' is a PNG cut short" ]
    answers '#.png' >five.out
    echo "$output" | cmp <(times 1000 five.out) -
}

@test "the command line takes thousands of names, and threads change nothing" {
    mapfile -t names < <(printf '%s\n' {0,1,2,3,4}.png >five && times 840 five)
    [ "${#names[@]}" -eq 4200 ]
    "$LOCKSTEP" predict run "${names[@]}" >out
    answers '#.png' >five.out
    cmp <(times 840 five.out) out
    OMP_THREAD_LIMIT=1 "$LOCKSTEP" predict run "${names[@]}" | cmp out -
}
