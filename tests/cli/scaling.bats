#!/usr/bin/env bats
# The scripts that draw the predictions of `lockstep plan` and check them over hosts.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 20
    "$LOCKSTEP" plan "$TINY" --data letters.h5 --threads 1 --ranks-per-node 1 \
        --network 1Gbit,20us --ranks 1,2,64,4096 --out plan.h5 >plan.out
    {
        echo setting,ranks,nodes,batch,overlap,measured_ms,predicted_ms,ratio,network
        echo '"2 hosts, 1 Gbit/s",2,2,128,on,13.5,13.1,0.97,"1Gbit,20us"'
        echo '"2 hosts, 100 Mbit/s",2,2,128,off,101.5,102.1,1.01,"100Mbit,20us"'
    } >checked.csv
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "plot_scaling.py draws curves to 4096 ranks, with measured points" {
    /usr/bin/python3 -c 'import matplotlib' || skip "no matplotlib for /usr/bin/python3"
    "$ROOT/scripts/plot_scaling.py" plan.h5 --out scaling.png
    [ "$(head -c 4 scaling.png | tail -c 3)" = PNG ]
    "$ROOT/scripts/plot_scaling.py" plan.h5 --out points.png --measured checked.csv \
        --only '1 Gbit'
    [ "$(head -c 4 points.png | tail -c 3)" = PNG ]
    run ! cmp -s scaling.png points.png
}

@test "plot_scaling.py --markdown prints the figures of the file" {
    "$ROOT/scripts/plot_scaling.py" plan.h5 --markdown >plan.md
    cat plan.md
    [ "$(grep -Ec '^\| (1|2|64|4,096) \| (1|2|64|4,096) \| [0-9.]+ \|' plan.md)" -eq 4 ]
    grep -q '^| 1 | 1 | .* | 100 | .* | 100 |$' plan.md
    h5 plan.h5 <<'END'
step = f[0]["strong/step"][()] * 1e3
rows = [line.split(" | ") for line in open("plan.md")][2:]
assert len(rows) == len(step)
for row, ms in zip(rows, step):
    assert row[2] == f"{ms:.2f}", (row, ms)
END
}

@test "plot_scaling.py ends silently when its reader closes the pipe" {
    unread "$ROOT/scripts/plot_scaling.py" plan.h5 --markdown
    unread "$ROOT/scripts/plot_scaling.py" --help
}

@test "plot_scaling.py refuses other files in one line" {
    plot=$ROOT/scripts/plot_scaling.py
    run "$plot" "$TINY"
    [ "$status" -eq 1 ]
    [[ $output == "plot_scaling: $TINY: "* && $output != *$'\n'* ]]
    run "$plot" nothing.h5
    [ "$status" -eq 1 ]
    [ "$output" = "plot_scaling: there is no file 'nothing.h5'" ]
    run "$plot" letters.h5
    [ "$output" = "plot_scaling: letters.h5: 'letters.h5' is not a file of 'lockstep plan --out'" ]
    run "$plot" plan.h5 --measured checked.csv --only 7
    [ "$status" -eq 1 ]
    [ "$output" = "plot_scaling: checked.csv: no setting contains '7'" ]
    run "$plot" plan.h5 --measured letters.h5
    [ "$status" -eq 1 ]
    [[ $output == "plot_scaling: letters.h5: "* && $output != *$'\n'* ]]
}

@test "plot_scaling.py refuses a damaged plan in one line" {
    for damage in 'f["strong/step"][0] = 0' 'f["weak/efficiency"][0] = float("nan")' \
        'del f["weak/batch"]; f["weak/batch"] = [1]' 'del f["strong/ranks"]'; do
        cp plan.h5 damaged.h5
        /usr/bin/python3 -c "import h5py; f = h5py.File('damaged.h5', 'r+'); $damage"
        for form in --markdown --out=damaged.png; do
            run "$ROOT/scripts/plot_scaling.py" damaged.h5 $form
            echo "$damage: $output"
            [ "$status" -eq 1 ]
            [[ $output == "plot_scaling: damaged.h5: "* && $output != *$'\n'* ]]
        done
    done
}

@test "check_plan.sh and bench_hosts.sh refuse wrong options and missing rights" {
    run "$ROOT/scripts/check_plan.sh" --rounds none
    [ "$status" -eq 2 ]
    [[ $output == "check_plan: '--rounds none' is no number; type: "* ]]
    run "$ROOT/scripts/check_plan.sh" --sometimes
    [ "$status" -eq 2 ]
    [[ $output == "check_plan: unknown option '--sometimes'; type: "* ]]
    run "$ROOT/scripts/bench_hosts.sh" all
    [ "$status" -eq 2 ]
    [ "$output" = "bench_hosts: 'all': expected steps or reduce" ]
    start=()
    ((EUID)) || start=(setpriv --reuid 65534 --clear-groups)
    for name in check_plan bench_hosts; do
        run "${start[@]}" "$ROOT/scripts/$name.sh"
        [ "$status" -eq 1 ]
        [ "$output" = "$name: needs root, iproute2 and /dev/net/tun; missing: root" ]
        LOCKSTEP=./none run "$ROOT/scripts/$name.sh"
        [ "$status" -eq 1 ]
        [ "$output" = "$name: no './none': type 'make all unit'" ]
    done
}
