#!/usr/bin/env bats
# Commands of one process, started by mpirun or with SLURM's variables left over.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "mpirun with two ranks is refused in one line, and nothing is done" {
    for command in "data synth --train 52 --test 26 --out s.h5" "show s.h5" "runs s"; do
        # shellcheck disable=SC2086
        run --separate-stderr mpirun -n 2 "$LOCKSTEP" $command </dev/null
        echo "$output $stderr"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [ "$(grep -c '^lockstep: ' <<<"$stderr")" -eq 1 ]
        grep -Fxq "lockstep: '${command%% *}' is a command for one process, mpirun started 2; type it without mpirun" \
            <<<"$stderr"
    done
    [ ! -e s.h5 ]
    mpirun -n 1 "$LOCKSTEP" data synth --train 52 --test 26 --out s.h5 </dev/null
    [ -s s.h5 ]
}

@test "ranks with commands of their own each do their work" {
    mpirun -n 2 sh -c '"$0" data synth --train 52 --test 26 --out "$OMPI_COMM_WORLD_RANK.h5"' \
        "$LOCKSTEP" </dev/null >out
    cat out
    [ "$(wc -l <out)" -eq 2 ]
    [ -s 0.h5 ] && [ -s 1.h5 ]
    mpirun -n 1 "$LOCKSTEP" data synth --train 52 --test 26 --out a.h5 \
        : -n 1 "$LOCKSTEP" data synth --train 52 --test 26 --out b.h5 </dev/null
    [ -s a.h5 ] && [ -s b.h5 ]
    run --separate-stderr mpirun -n 1 true : -n 2 "$LOCKSTEP" data info a.h5 </dev/null
    [ "$status" -eq 2 ]
    [ "$(grep -c "^lockstep: 'data' is .* mpirun started 2;" <<<"$stderr")" -eq 1 ]
}

@test "variables of a launcher that are left over change nothing" {
    run env SLURM_PROCID=3 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 "$LOCKSTEP" data synth \
        --train 52 --test 26 --out s.h5
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == "s.h5: 52 training"* ]]
    run env OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 PMIX_RANK=1 "$LOCKSTEP" data info s.h5
    [ "$status" -eq 0 ]
    [[ $output == *"52 for training"* ]]
    run env SLURM_PROCID=3 SLURM_STEP_ID=0 "$LOCKSTEP" --version
    [[ $output == lockstep* ]]
}
