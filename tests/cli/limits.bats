#!/usr/bin/env bats
# --max-time and --check; limits of the shell.
# Alone: it looks at the clock.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 200
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

LONG=(--set train.epochs=100000 --set log.every=100000)

@test "--max-time stops a run in time, with a checkpoint and exit code 75" {
    status=0
    before=$SECONDS
    train 2 "$TINY" --run limited "${LONG[@]}" --max-time 0:08 >limited.out || status=$?
    [ "$status" -eq 75 ]
    ((SECONDS - before <= 9)) # and what a shell takes to start two ranks
    grep -q '^limit  *stops, to go on later, before 8 s have passed$' limited.out
    grep -q '^stopped in time for --max-time; the same command with' limited.out
    step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' limited.out)
    [ -f "$(printf 'limited/checkpoints/step-%012d.h5' "$step")" ]
    train 1 "$TINY" --run limited "${LONG[@]}" --set train.steps=$((step + 1)) --resume >more.out
    grep -q "^resumed from .*: step $step of $((step + 1))" more.out
}

# The duration of the first evaluation is unknown; with slow kernels it exceeds the limit.
@test "--max-time ends an evaluation that takes too long; the resumed run repeats it" {
    status=0
    letters exam.h5 60 60000
    before=$SECONDS
    exam=("$LETTERS" --data exam.h5 --run exam --set train.batch=60 --set train.steps=1)
    LOCKSTEP_ISA=plain train 1 "${exam[@]}" --max-time 0:06 >exam.out || status=$?
    [ "$status" -eq 75 ]
    ((SECONDS - before <= 9))
    [ "$(grep -c '^eval' exam.out)" -eq 0 ]
    train 1 "${exam[@]}" --resume >exam-2.out # with the fastest kernels, whose bits are the same
    grep -q '^eval step 1 ' exam-2.out
    grep -q '^finished step 1 of 1 ' exam-2.out
}

@test "malformed times are refused" {
    for time in 1h 0 '' 1:2:3:4 -5; do
        refused 2 "'--max-time $time': expected a time: minutes, H:MM:SS, D-HH:MM:SS, or auto" \
            train 1 "$TINY" --run never --max-time="$time"
    done
    (
        unset SLURM_JOB_ID
        refused 2 "'--max-time auto' is for SLURM jobs*" \
            train 1 "$TINY" --run never --max-time auto
    )
    [ ! -e never ]
}

@test "--max-time auto takes the job's end from SLURM's environment" {
    export SLURM_JOB_ID=7 SLURM_JOB_END_TIME=$(($(date +%s) + 100))
    train 1 "$TINY" --run never --max-time auto --check >auto.out
    grep -qE '^limit  *stops, to go on later, before (9[0-9]|100) s have passed' auto.out
}

# A program of the test stands in PATH as squeue and records how it is called.
@test "--max-time auto asks squeue when the environment does not tell the job's end" {
    mkdir -p bin
    export SLURM_JOB_ID=7 PATH=$PWD/bin:$PATH
    unset SLURM_JOB_END_TIME SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID
    printf '%s\n' '#!/bin/sh' 'echo "$*" >asked' 'echo 1:30' >bin/squeue
    chmod +x bin/squeue
    train 1 "$TINY" --run never --max-time auto --check >auto.out
    [ "$(<asked)" = "--noheader --format=%L --jobs 7" ]
    grep -qE '^limit  *stops, to go on later, before 90 s have passed' auto.out
    SLURM_ARRAY_JOB_ID=5 SLURM_ARRAY_TASK_ID=0 \
        train 1 "$TINY" --run never --max-time auto --check >array.out
    [ "$(<asked)" = "--noheader --format=%L --jobs 5_0" ]
    printf '%s\n' '#!/bin/sh' 'echo UNLIMITED' >bin/squeue
    train 1 "$TINY" --run never --max-time auto --check >auto.out
    [ "$(grep -c '^limit' auto.out)" -eq 0 ]
    printf '%s\n' '#!/bin/sh' 'exit 1' >bin/squeue
    run --separate-stderr train 1 "$TINY" --run never --max-time auto --check
    [ "$status" -eq 0 ]
    [[ $stderr == *"note: squeue does not say when job 7 ends"* ]]
}

@test "--check prints what would be trained and writes nothing" {
    train 2 "$TINY" --run never --check >check.out
    grep -q '^config  *.*tiny.conf' check.out
    grep -q '^  total ' check.out
    [ "$(tail -n 1 check.out)" = "checked: this can be trained; nothing was touched" ]
    [ ! -e never ]
    refused 2 "*unknown*" train 1 "$TINY" --run never --check --set train.epoch=3
    refused 1 "cannot open 'none.h5'*" \
        "$LOCKSTEP" train "$TINY" --data none.h5 --run never --check
    [ ! -e never ]
}

@test "--check --elsewhere is not decided by the limits of this machine" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    (
        export OMP_NUM_THREADS=1
        ulimit -v 500000
        refused 2 "training takes * in this process, which may have * (ulimit -v); *" \
            train 1 "$LETTERS" --run never --check
        train 1 "$LETTERS" --run never --check --elsewhere --set parallel.pipeline=2 \
            >check.out 2>check.err
        train 1 "$LETTERS" --run never --check --elsewhere --set parallel.threads=0 \
            --threads 100000 >many.out
        refused 2 "*unknown*" train 1 "$TINY" --run never --check --elsewhere \
            --set train.epoch=3
    )
    [ "$(grep -c 'do not fit into memory' check.err)" -eq 0 ]
    grep -q '^run  *never$' check.out
    grep -q '^pipeline  *1 replica x 2 stages: ' check.out
    [ "$(tail -n 1 check.out)" = "checked: this can be trained on machines with enough memory; nothing was touched" ]
    [ ! -e never ]
    refused 2 "--elsewhere is for --check; add it" train 1 "$TINY" --run never --elsewhere
    refused 2 "100000 threads per rank: at most *" train 1 "$TINY" --run never --check \
        --threads 100000
}

# Newer versions of OpenBLAS give up by themselves.
@test "with few open files every command works, or says in one line that they are too few" {
    local files command alone='exec 3>&- 4>&- 5>&- 6>&- 7>&-' # what bats holds open
    train 1 "$TINY" --run net --set train.steps=1 >net.out
    "$LOCKSTEP" data export letters.h5 pictures
    for files in 5 6 8 12 16 24 32; do
        for command in "data info letters.h5 --verify" "data synth --out s$files.h5 --train 52 --test 26" \
            "data rehash letters.h5" "predict net pictures/test/A" "eval net --data letters.h5 --threads 1" \
            "train $TINY --data letters.h5 --threads 1 --run r$files --set train.steps=1"; do
            run --separate-stderr bash -c "$alone; ulimit -n $files; '$LOCKSTEP' $command"
            echo "$files: $command: $status: $output $stderr"
            ((status == 0)) && continue
            [ "$status" -eq 2 ]
            [[ $command == eval* || $command == train* ]]
            ((files < 32))
            [ "${#stderr_lines[@]}" -eq 1 ]
            [ "$stderr" = "lockstep: only $files files may be open at once, too few to start; raise the limit (ulimit -n)" ]
        done
    done
}

@test "too little memory for OpenBLAS to load ends in one line, not in a hang" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    for start in exec "mpirun -n 2"; do
        status=0
        (ulimit -d 100000 && $start timeout 120 "$LOCKSTEP" bench step </dev/null 2>err) ||
            status=$?
        cat err
        grep -q OpenBLAS err
        ((status == 2 || status == 1))
    done
    # the remedy that the message names
    (ulimit -d 160000 && OMP_NUM_THREADS=1 timeout 120 "$LOCKSTEP" --version)
}

# OpenBLAS takes 128 MiB more for each further thread, or retries for ever.
@test "under any memory limit a run trains, or says in one line that it cannot" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    printf '%s\n' "[model]" "layer = flatten" "layer = linear 1200" "layer = gelu" \
        "layer = linear 1200" "layer = gelu" "layer = linear classes" "layer = logsoftmax" >wide.conf
    ended=''
    for ((limit = 270000; limit <= 750000; limit += 30000)); do
        status=0
        (
            export OMP_NUM_THREADS=2
            ulimit -d $limit
            timeout -s KILL 120 "$LOCKSTEP" train wide.conf --data letters.h5 --run "$limit" \
                --threads 2 --tune=off --set train.steps=2 --set train.batch=64 </dev/null >out 2>err
        ) || status=$?
        echo "$limit: status $status: $(<err)"
        ((status == 0 || status == 2))
        ((status == 0)) || [ "$(grep -cE '^lockstep: .* (may have|are left for) ' err)" -eq 1 ]
        ended+=$status
    done
    [[ $ended =~ ^2+0+$ ]]
}
