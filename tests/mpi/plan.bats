#!/usr/bin/env bats
# lockstep plan under mpirun: it measures on all ranks. The quality of its predictions is not
# tested here.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 700 50
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

plan_on() {
    ranks "$1" "$LOCKSTEP" plan "$TINY" --data letters.h5 --threads 1 \
        --set train.batch=90 --set train.grain=16 "${@:2}"
}

@test "plan on 2 ranks measures sums and messages and writes a file that h5py reads" {
    plan_on 2 --out two.h5 >out
    cat out
    grep -Eq '^sum  *over 2 ranks, in [0-9]+ pieces: [0-9.]+ .s ' out
    grep -Eq '^network  *measured, within [^ ]+: [0-9.]+ .?s one way, ' out
    grep -Eq '^ +2 +(48|90) +[0-9.]+ ' out
    h5 <<'END'
import h5py
f = h5py.File("two.h5")
for name in "strong", "weak":
    g = f[name]
    assert list(g["ranks"]) == [1, 2] and list(g["nodes"]) == [1, 1], name
    assert g["reduce"][1] > 0 and g["exposed"][1] > 0, name
    assert g["step"][1] < 2 * g["step_no_overlap"][1], name
assert f.attrs["ranks_measured"] == 2 and f.attrs["latency"] > 0
assert f.attrs["bandwidth"] > 0 and f.attrs["network"].decode().startswith("measured")
END
}

@test "plan on 3 ranks predicts more of them over a given network" {
    plan_on 3 --network 25Gbit,10us --out three.h5 >out
    cat out
    h5 <<'END'
import h5py
f = h5py.File("three.h5")
assert list(f["strong"]["ranks"]) == [1, 2, 3] + [2 ** i for i in range(2, 13)]
assert list(f["strong"]["nodes"])[:5] == [1, 1, 1, 2, 3]
assert f.attrs["ranks_measured"] == 3 and abs(f.attrs["latency"] / 10e-6 - 1) < 1e-9
END
}

@test "plan takes fewer ranks per node than were started, and no overlap" {
    plan_on 4 --ranks-per-node 2 --network 1Gbit,50us --ranks 1,2,4 --threads 2 \
        --set parallel.overlap=off --out four.h5 >out
    cat out
    h5 <<'END'
import h5py
g = h5py.File("four.h5")["strong"]
assert list(g["nodes"]) == [1, 1, 2]
assert list(g["step"]) == list(g["step_no_overlap"])
END
}

# refused_by TEXT RANKS OPTION...: lockstep prints TEXT in one line, besides mpirun's lines.
refused_by() {
    run --separate-stderr plan_on "${@:2}"
    echo "status $status: $stderr"
    [ "$status" -eq 2 ]
    # shellcheck disable=SC2053
    [[ $(grep '^lockstep: ' <<<"$stderr") == "lockstep: "$1 ]]
    [ "$(grep -c '^lockstep: ' <<<"$stderr")" -eq 1 ]
}

@test "several ranks refuse bad arguments in one line" {
    refused_by "'--ranks 8': 8 ranks need more than one node of 2, *" 2 --ranks 8
    refused_by "'--ranks-per-node 3': no node has more than 2 here; start as many" \
        2 --ranks-per-node 3
    refused_by "'--network fast': *" 2 --network fast
}

@test "parallel.overlap does not change the bits of a training" {
    for overlap in on off; do
        train 2 "$TINY" --set train.steps=9 --set parallel.overlap=$overlap \
            --run "overlap-$overlap" >"$overlap.out"
    done
    same_state on.out off.out
}
