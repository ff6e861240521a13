#!/usr/bin/env bats
# lockstep plan on one rank: its output, its file and its refusals. The quality of its
# predictions is not tested here.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 700 50
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    OPTIONS=(--data letters.h5 --threads 1 --set train.batch=100 --set train.grain=16)
}

plan() {
    "$LOCKSTEP" plan "$TINY" "${OPTIONS[@]}" "$@" </dev/null
}

# bad TEXT OPTION...: these options are refused with TEXT in one line; nothing is written.
bad() {
    refused 2 "$1" plan "${@:2}" --out bad.h5
    [ ! -e bad.h5 ]
}

@test "a given network is predicted for 1 to 4096 ranks, for strong and weak scaling" {
    plan --network 10Gbit,20us --ranks-per-node 1 --out given.h5 >out
    cat out
    [ "$(grep -cE '^ +(1|2|4|8|16|32|64|128|256|512|1024|2048|4096) +[0-9]+ +[0-9]+ ' out)" -eq 26 ]
    [ "$(grep -cE '^(strong|weak) scaling, a batch of 100 for ' out)" -eq 2 ]
    grep -q '^network  *10Gbit,20us: 20.0 us one way, 1176.9 MB/s$' out
    grep -q '^A batch of 100 is fastest on [0-9]* ranks*: ' out
    grep -q 'of the ideal speed' out
    [ "$(wc -L <out)" -le 100 ]
    h5 <<'END'
import h5py, numpy
f = h5py.File("given.h5")
powers = [2 ** i for i in range(13)]
for group, batch in ("strong", [100] * 13), ("weak", [100 * n for n in powers]):
    g = f[group]
    assert list(g["ranks"]) == list(g["nodes"]) == powers, group
    assert list(g["batch"]) == batch and g["batch"].dtype == "int64", group
    for name in ("step", "step_no_overlap", "compute", "reduce", "update", "exposed",
                 "images_per_second", "efficiency", "epoch"):
        assert g[name].shape == (13,) and g[name].dtype == "float64", name
        assert numpy.isfinite(g[name]).all() and (g[name][()] >= 0).all(), name
    step = g["step"][()]
    assert (step * (1 + 1e-9) >= g["compute"][()] + g["update"][()]).all()
    assert numpy.allclose(g["images_per_second"][()] * step, batch)
    assert numpy.allclose(g["epoch"][()], numpy.ceil(700 / numpy.array(batch)) * step)
    assert abs(g["efficiency"][0] - 1) < 1e-9 and g["reduce"][0] == 0
assert abs(f.attrs["latency"] / 20e-6 - 1) < 1e-9 and abs(f.attrs["bandwidth"] / 1.25e9 - 0.94) < 0.01
assert f.attrs["network"].decode() == "10Gbit,20us" and f.attrs["threads"] == 1
assert f.attrs["ranks_measured"] == 1 and f.attrs["memory_bandwidth"] > 0
assert f.attrs["cpus"] >= 1 and f.attrs["load"] >= 0
END
}

@test "--ranks predicts other numbers of ranks, also more ranks than grains" {
    plan --network 1Gbit,1ms --ranks 3,1,20,3 --ranks-per-node 2 --out list.h5 >out
    cat out
    grep -Eq '^ +20 +10 +100 ' out
    tr '\n' ' ' <out >said
    grep -q 'is 7 grains of up to 16 images: from 8 ranks on some have none' said
    grep -q 'From 8 ranks on such a batch has more images than the data set, 700;' said
    grep -q '^A batch of 100 is fastest on' out
    plan --network 1Gbit,1ms --ranks 8,16 --ranks-per-node 2 >out
    grep -Eq '^A batch of 100 is fastest, of these, on (8|16) ranks: ' out
    h5 <<'END'
import h5py
g = h5py.File("list.h5")["strong"]
assert list(g["ranks"]) == [1, 3, 20] and list(g["nodes"]) == [1, 2, 10]
END
}

@test "without a network this node is predicted, and the way to more is named" {
    plan --ranks-per-node 2 >out 2>err
    cat out
    [ "$(grep -cE '^ +(1|2) +1 +' out)" -eq 4 ]
    run -1 grep -q parallel.reduce err
    plan --ranks 1 --set parallel.reduce=halving 2>err >/dev/null
    grep -q '^note: parallel.reduce = halving is not predicted: every sum is that of the fastest' err
    grep -q '^For more than this node (2 ranks) give --network' out
    bad "'--ranks 4': 4 ranks need more than one node of 2, whose network was not measured; give --network *" \
        --ranks 4 --ranks-per-node 2
}

@test "without a data set the built-in letters are used, with several threads" {
    run --separate-stderr "$LOCKSTEP" plan "$TINY" --threads 2 --set data.file= \
        --set train.batch=64 --ranks 1
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [[ $stderr == *"no data set: built-in letters"* ]]
    [[ $output == *"1 rank x 2 threads"* ]]
}

tables() {
    sed -n '/^strong scaling/,/^times one rank/p' "$1"
}

@test "show repeats the tables of a plan and their settings" {
    plan --network 1Gbit,1ms --ranks 1,2,8 --ranks-per-node 2 --out shown.h5 >out
    "$LOCKSTEP" show shown.h5 >shown
    cat shown
    [ "$(head -n 1 shown)" = "shown.h5: a plan" ]
    grep -qF "written by $("$LOCKSTEP" --version | head -n 1)" shown
    for line in parallel cpu training memory network; do
        same_text "$(grep "^$line " shown)" "$(grep "^$line " out)"
    done
    [ "$(tables shown | grep -cE '^ +(1|2|8) ')" -eq 6 ]
    same_text "$(tables shown)" "$(tables out)"
    # an older file without the settings
    h5 <<'END'
import h5py
with h5py.File("shown.h5", "r+") as f:
    for name in "cpu", "parameters", "images", "grain":
        del f.attrs[name]
END
    "$LOCKSTEP" show shown.h5 >shown
    same_text "$(tables shown)" "$(tables out)"
    [ "$(grep -cE '^(cpu|training) ' shown)" -eq 0 ]
}

# broken CHANGE TEXT: show refuses the file f after CHANGE, which is Python.
broken() {
    cp whole.h5 broken.h5
    h5 <<<"import h5py
with h5py.File('broken.h5', 'r+') as f: $1"
    refused 1 "$2" "$LOCKSTEP" show broken.h5
}

@test "show refuses a damaged plan" {
    plan --network 1Gbit,1ms --ranks 1,2 --ranks-per-node 2 --out whole.h5 >/dev/null
    broken "f['strong/ranks'][1] = -3" "'broken.h5' is damaged: -3 in '/strong/ranks'"
    broken "f['weak/nodes'][1] = 1 << 40" "'broken.h5' is damaged: * in '/weak/nodes'"
    broken "f['strong/step'][1] = float('nan')" "'broken.h5' is damaged: nan in '/strong/step'"
    broken "f['weak/efficiency'][0] = 1e300" "'broken.h5' is damaged: 1e+300 in '/weak/efficiency'"
    broken "f['strong/batch'][0] = 0" "'broken.h5' is damaged: a batch of 0"
    broken "del f['weak/step']" "*'/weak/step'*"
    broken "del f['weak/step']; f['weak/step'] = [1.0]" "*'/weak/step'*"
    broken "f.attrs.modify('threads', 0)" "'broken.h5' is damaged: attribute 'threads' is 0"
    broken "del f.attrs['network']" "*'network'*"
}

@test "plan replaces an older plan and no other file" {
    plan --ranks 1 --out again.h5 >/dev/null
    plan --ranks 1 --out again.h5 >/dev/null
    cp letters.h5 precious.h5
    refused 2 "'precious.h5' cannot be written: it is a data set, not a plan, and is not replaced" \
        plan --ranks 1 --out precious.h5
    cmp letters.h5 precious.h5
    refused 2 "'.' cannot be written: it is a folder, not a plan, and is not replaced" \
        plan --ranks 1 --out .
    mkfifo pipe
    refused 2 "'pipe' cannot be written: it is *, not a plan, *" plan --ranks 1 --out pipe
    [ -p pipe ]
    refused 2 "'pipe' cannot be written: it is *" "$LOCKSTEP" lab --out pipe
    [ -p pipe ]
}

@test "malformed networks are refused" {
    for network in 10Gbit '10Gbit,' ,20us 0Gbit,20us 10Gbit,0us -1Gbit,1us 10Gbit,20 \
        20us,10Gbit 10Gbit,20us,1 1e9Gbit,1us 10Gbit,100s; do
        bad "'--network $network': expected bandwidth and latency like 10Gbit,20us, *" \
            --network "$network"
    done
    bad "*" --network ""
}

@test "other bad arguments are refused" {
    for ranks in 0 -1 1,,2 1,x 100000 ""; do
        bad "'--ranks $ranks': expected up to *" --network 1Gbit,1ms --ranks "$ranks"
    done
    bad "'--ranks-per-node 1000': at most * ranks of 1 threads are tried on *" \
        --ranks-per-node 1000
    bad "parallel.pipeline = 2: only ranks that have all layers are predicted; *" \
        --set parallel.pipeline=2
    bad "*'bach'*" --set train.bach=3
    refused 2 "cannot write a file whose name is ''" plan --out ""
    refused 2 "*none.conf*" "$LOCKSTEP" plan none.conf
    refused 2 "*" "$LOCKSTEP" plan
    refused 1 "*no.h5*" plan --data no.h5
    refused 1 "*no.h5*" "$LOCKSTEP" plan "$TINY" --set data.file=no.h5
}
