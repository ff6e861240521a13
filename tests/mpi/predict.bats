#!/usr/bin/env bats
# lockstep predict --out: 10,000 pictures, the same file for any ranks and threads, and after
# kills; pictures that cannot be read; refusals.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 10000 200
    train 1 "$TINY" --run run --set train.epochs=1 >/dev/null
    "$LOCKSTEP" data export letters.h5 exported >/dev/null
    mv exported/train pictures
    find pictures -name '*.png' | LC_ALL=C sort >all
    head -n 500 all >some
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# predict RANKS ...
predict() {
    local start=(mpirun -n "$1")
    (($1 == 1)) && start=()
    "${start[@]}" "$LOCKSTEP" predict run "${@:2}"
}

@test "10,000 pictures on 1, 2 and 3 ranks: identical files" {
    [ "$(wc -l <all)" -eq 10000 ]
    predict 1 --from all --out one.csv >one.out
    grep -Eq '^one.csv: 10000 pictures, in [0-9.]+ s, [0-9]+ images/s$' one.out
    predict 2 --from pictures --out two.csv --threads 1
    predict 3 --from all --out three.csv --threads 2
    cmp one.csv two.csv
    cmp one.csv three.csv
    [ ! -e one.csv.partial ] && [ ! -e one.csv.partial.lock ]
    # In the order of the names, and what eval says.
    "$LOCKSTEP" eval run --data letters.h5 --split train --out answers.h5 >/dev/null
    h5 answers.h5 <<'END'
import csv, re
rows = list(csv.DictReader(open("one.csv")))
assert [r["path"] for r in rows] == open("all").read().split()
assert list(rows[0]) == ["path", "label", "p", "top1", "p1", "top2", "p2", "top3", "p3", "error"]
names = [c.decode() for c in f[0].attrs["classes"]]
p = np.exp(f[0]["logprobs"][:].astype(float))
known = sorted((names[a], round(b.max(), 4)) for a, b in zip(f[0]["predicted"][:], p))
mine = sorted((r["label"], round(float(r["p"]), 4)) for r in rows)
same = sum(a[0] == b[0] and abs(a[1] - b[1]) < 2e-4 for a, b in zip(known, mine))
assert same > 9990, same
assert all(r["error"] == "" and r["label"] == r["top1"] and r["p"] == r["p1"] for r in rows)
END
}

@test "the other formats are the same for any ranks, and say the same" {
    for ranks in 1 3; do
        predict $ranks --from some --out $ranks.csv --top 26 --threads 1 2>/dev/null
        predict $ranks --from some --out $ranks.jsonl --top 26 --threads 1
        predict $ranks --from some --out $ranks.h5 --top 26 --threads 1
    done
    cmp 1.jsonl 3.jsonl
    cmp 1.h5 3.h5
    h5 1.h5 <<'END'
import csv, json
rows = list(csv.DictReader(open("1.csv")))
lines = [json.loads(line) for line in open("1.jsonl")]
names = [c.decode() for c in f[0].attrs["classes"]]
paths = f[0]["paths"][:].tobytes().decode().split("\0")[:-1]
assert len(rows) == len(lines) == len(paths) == 500
assert f[0].attrs["format"] == b"lockstep-predictions"
assert f[0]["top"].shape == f[0]["top_probability"].shape == (500, 26)
for r, j, path, top, p in zip(rows, lines, paths, f[0]["top"][:], f[0]["top_probability"][:]):
    assert r["path"] == j["path"] == path
    assert r["label"] == j["label"] == names[top[0]]
    assert [t["class"] for t in j["top"]] == list(top)
    assert [np.float32(t["p"]) for t in j["top"]] == list(p)
    assert abs(p.sum() - 1) < 1e-5 and abs(float(r["p"]) - p[0]) < 1e-6
assert [names.index(r["label"]) for r in rows] == list(f[0]["predicted"][:])
END
}

# fed N: the first N names, then nothing, but no end either.
fed() {
    head -n "$1" all
    exec sleep 1000
}

# answered FILE: a good part of its rows are there.
answered() {
    (($(wc -l <"$1.partial" 2>/dev/null || echo 0) > 1000))
}

# kill_half_way: leaves cut.csv.partial with a good part of all answers.
kill_half_way() {
    mkfifo names
    fed 5000 >names & feeder=$!
    "$LOCKSTEP" predict run --from - --out cut.csv <names >/dev/null & killed=$!
    poll answered cut.csv
    kill -9 $killed $feeder
    wait $killed || [ $? -eq 137 ]
}

@test "killed half-way and gone on with, on other ranks: the identical file" {
    predict 1 --from all --out whole.csv >/dev/null
    kill_half_way
    [ ! -e cut.csv ]
    # As if it had been killed within a row.
    printf '{"path": "pict' >>cut.csv.partial
    predict 2 --from - --out cut.csv <all 2>err >/dev/null
    grep -Eq "^note: 'cut.csv.partial' has the answers to [0-9]{4} pictures: going on$" err
    cmp whole.csv cut.csv
    [ ! -e cut.csv.partial ]
}

@test "a signal ends it in order, and the same command goes on" {
    predict 1 --from all --out whole.jsonl >/dev/null
    mkfifo names
    # The rest comes only after the signal.
    { head -n 5000 all && until [ -e go ]; do sleep 0.1; done && tail -n 5000 all; } >names & feeder=$!
    "$LOCKSTEP" predict run --from - --out cut.jsonl <names >cut.out & stopped=$!
    poll answered cut.jsonl
    poll takes $stopped TERM
    kill -TERM $stopped
    poll handled $stopped TERM
    touch go
    wait $stopped && status=0 || status=$?
    wait $feeder || :
    cat cut.out
    [ $status -eq 75 ]
    grep -q '^stopped on request after [0-9]* pictures; the same command goes on$' cut.out
    [ ! -e cut.jsonl ]
    predict 3 --from - --out cut.jsonl --threads 1 <all >/dev/null
    cmp whole.jsonl cut.jsonl
}

@test "what cannot be read is a row, and the exit status is 4" {
    head -n 20 some >list
    echo none.png >>list
    echo letters.h5 >>list
    head -c 100 "$(head -n 1 all)" >cut.png
    echo cut.png >>list
    sed -n '21,40p' some >>list
    run --separate-stderr predict 2 --from list --out out.csv --threads 1
    echo "$output; $stderr"
    [ "$status" -eq 4 ]
    [[ $output == "out.csv: 43 pictures, 3 without an answer, in "* ]]
    h5 letters.h5 <<'END'
import csv
rows = list(csv.DictReader(open("out.csv")))
assert [r["path"] for r in rows] == open("list").read().split()
bad = [r for r in rows if r["error"]]
assert [r["error"] for r in bad] == [
    "cannot open 'none.png': No such file or directory",
    "'letters.h5' is an HDF5 file, not an image: lockstep reads PNG, JPEG, WebP and TIFF",
    "'cut.png' is a PNG cut short"], bad
assert all(r[k] == "" for r in bad for k in ("label", "p", "top1", "p3"))
assert all(r["label"] for r in rows if not r["error"])
END
    predict 1 --from list --out out.jsonl || [ $? -eq 4 ]
    predict 1 --from list --out out.h5 || [ $? -eq 4 ]
    h5 out.h5 <<'END'
import json
assert (f[0]["predicted"][20:23] == 65535).all() and (f[0]["predicted"][:20] < 26).all()
errors = f[0]["errors"][:].tobytes().decode().split("\0")[:-1]
lines = [json.loads(line) for line in open("out.jsonl")]
assert [line.get("error", "") for line in lines] == errors and len(errors) == 43
END
}

@test "ranks print what one prints, in the same order" {
    head -n 300 some >list
    sed -i '150i none.png' list
    predict 1 --from list >one.out 2>one.err || [ $? -eq 1 ]
    predict 3 --from list --threads 1 >three.out 2>three.err || [ $? -eq 1 ]
    [ "$(wc -l <one.out)" -eq 300 ]
    cmp one.out three.out
    grep -qx "lockstep: cannot open 'none.png': No such file or directory" one.err
    grep -q "cannot open 'none.png': No such file or directory" three.err
}

@test "below the threshold a picture is unsure" {
    predict 1 --from some --out all.csv >/dev/null
    predict 2 --from some --out sure.csv --threshold 0.5 >out
    predict 1 --from some --threshold 0.5 >printed
    h5 letters.h5 <<'END'
import csv
every, sure = (list(csv.DictReader(open(n))) for n in ("all.csv", "sure.csv"))
printed = open("printed").read().splitlines()
unsure = 0
for a, b, line in zip(every, sure, printed):
    below = float(a["p"]) < 0.5
    unsure += below
    assert b["label"] == ("unsure" if below else a["label"])
    assert all(a[k] == b[k] for k in a if k != "label")
    assert ("  unsure  " in line) == below, line
assert 0 < unsure < 500, unsure
assert ", %d unsure, " % unsure in open("out").read()
END
}

@test "predict --out refuses what would be lost, and words that say nothing" {
    head -n 3 some >list
    refused 2 "'out.txt' has the ending of no format of predictions: use .csv, .jsonl or .h5" \
        predict 1 --from list --out out.txt
    refused 2 "--force is for --out FILE" predict 1 --from list --force
    refused 2 "no pictures: name some, or give --from DIR, a list, or -" predict 1 --out o.csv
    cp list list.csv
    refused 2 "'list.csv' cannot be written: it is what is read" \
        predict 1 --from list.csv --out list.csv --force
    echo mine >mine.csv
    refused 2 "'mine.csv' *" predict 1 --from list --out mine.csv --force
    [ "$(<mine.csv)" = mine ]
    echo mine >other.csv.partial
    refused 2 "'other.csv.partial' *" predict 1 --from list --out other.csv
    cp letters.h5 data.h5
    refused 2 "'data.h5' *" predict 1 --from list --out data.h5 --force
    cmp letters.h5 data.h5
    predict 1 --from list --out list.h5 >/dev/null
    refused 2 "'list.h5' exists already; use --force to replace it" \
        predict 1 --from list --out list.h5
    predict 1 --from list --out list.h5 --force >/dev/null
    refused 1 "cannot write 'none/o.csv': there is no folder 'none'" \
        predict 1 --from list --out none/o.csv
}

@test "a half-written file of other answers is not gone on with" {
    kill_half_way
    cp cut.csv.partial kept
    refused 2 "'cut.csv.partial' was begun with another network or other options: *" \
        predict 1 --from all --out cut.csv --top 5
    tac all >back
    refused 2 "'cut.csv.partial' has an answer to '*' where the pictures now have '*" \
        predict 1 --from back --out cut.csv
    cmp kept cut.csv.partial
    predict 1 --from some --out cut.csv --top 5 --force >/dev/null
    [ "$(wc -l <cut.csv)" -eq 501 ]
}
