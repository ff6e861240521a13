#!/usr/bin/env bats
# submit.sh and sweep.sbatch on a real SLURM: arguments arrive unchanged or are refused in one
# line; ranks, threads and pinning follow the allocation.

setup_file() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_start
    letters letters.h5 32000 200
}

setup() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_needed
    SUBMIT=$ROOT/scripts/submit.sh
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_stop
}

# no TEXT WORDS...: `submit.sh WORDS` ends with 2 and prints one line, TEXT (a pattern).
no() {
    run --separate-stderr on_head "$SUBMIT" "${@:2}"
    printf 'status %s: %s\nwanted: %s\n' "$status" "$stderr" "$1"
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ $stderr != *$'\n'* ]]
    # shellcheck disable=SC2053
    [[ $stderr == $1 ]]
}

# layout OUT: the lines about ranks of a job's header.
layout() {
    grep -hE '^(parallel|  +[0-9]+ ranks?) .* on n' "$1" | sed 's/^parallel *//; s/^ *//'
}

@test "submit.sh refuses bad arguments in one line" {
    good=(-- --data letters.h5)
    no "submit.sh: which config? see 'submit.sh --help'"
    no "submit.sh: '--nodes' needs a value*" "$TINY" --nodes
    no "submit.sh: '--nodes two': a whole number from 1*" "$TINY" --nodes two
    no "submit.sh: '--threads 0': a whole number from 1*" "$TINY" --threads=0
    no "submit.sh: '--ranks-per-node -1': a whole number from 1*" "$TINY" --ranks-per-node -1
    no "submit.sh: '--time 1h': minutes, H:MM:SS or D-HH:MM:SS*" "$TINY" --time 1h
    no "submit.sh: '--sweep seed=1': KEY=VALUE*" "$TINY" --sweep seed=1
    no "submit.sh: '--sweep train.seed=1,,2': KEY=VALUE*" "$TINY" --sweep train.seed=1,,2
    no "submit.sh: the sweep has 'train.seed=1' twice" "$TINY" --sweep train.seed=1,1 "${good[@]}"
    no "submit.sh: '--launcher ssh': mpirun or srun" "$TINY" --launcher ssh
    no "submit.sh: unknown option '--node'*" "$TINY" --node 2
    no "submit.sh: 'twice' is one word too many*" "$TINY" twice
    no "lockstep: cannot open 'none.conf'*" none.conf
    no "lockstep: cannot open 'none.h5'*" "$TINY" -- --data none.h5
    no "lockstep: unknown option '--dat'*" "$TINY" -- --dat letters.h5
    no "lockstep: --set: unknown key 'sead'*" "$TINY" --sweep train.sead=1,2 "${good[@]}"
    no "submit.sh: sbatch refuses: *nvalid partition*" "$TINY" --partition none "${good[@]}"
    sed 's/^SlurmctldHost.*/&\nSlurmctldPort=1\nMessageTimeout=1/' "$SLURM_CONF" >dead.conf
    SLURM_CONF=$PWD/dead.conf no "submit.sh: SLURM does not answer; see 'scontrol ping'" \
        "$TINY" "${good[@]}"
    [ "$(on_head squeue --noheader | wc -l)" -eq 0 ]
    [ ! -e runs ]
}

@test "names with spaces, quotes and special characters of the shell arrive unchanged" {
    odd='it'\''s "$(touch hacked)" `touch hacked`; touch hacked & \ *'
    mkdir "$odd"
    cp letters.h5 "$odd/data $odd.h5"
    cp "$TINY" "$odd/conf $odd.conf"
    submit "$odd/conf $odd.conf" --ranks-per-node 2 -- --data "$odd/data $odd.h5" \
        --run "runs/$odd" --set train.steps=5
    until_job "$JOB" COMPLETED
    out=("conf "*"-$JOB.out")
    [ "${out[0]}" = "conf $odd-$JOB.out" ]
    grep -F "run        runs/$odd" "${out[0]}"
    grep -q '^finished step 5 of 5 ' "${out[0]}"
    [ -f "runs/$odd/checkpoints/step-000000000005.h5" ]
    [ -z "$(find . -name hacked)" ]

    submit "$odd/conf $odd.conf" --sweep "data.file=$odd/data $odd.h5,letters.h5" -- \
        --run sweep --set train.steps=5
    until_true "the array is over" over "$JOB"
    ls sweep
    [ "$(ls sweep | wc -l)" -eq 2 ]
    [ "$(cat sweep/*/log.txt | grep -c '^finished step 5 of 5 ')" -eq 2 ]
    [ -z "$(find . -name hacked)" ]
}

# With slurm.conf's default the job would inherit the limit, too.
@test "the ulimit of the shell that submits decides neither the check nor the job" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    (
        ulimit -v 500000
        OMP_NUM_THREADS=1 refused 2 "training takes *(ulimit -v)*" \
            train 1 "$LETTERS" --run never --check
        submit "$LETTERS" -- --data letters.h5 --run limited --set train.steps=2 \
            --set train.eval_every=100
    ) >limited.submitted
    JOB=$(sed -nE 's/^job ([0-9]+): .*/\1/p' limited.submitted)
    until_job "$JOB" COMPLETED
    grep -q '^finished step 2 of 2 ' limited/log.txt
}

@test "ranks and threads follow the allocation" {
    submit "$TINY" --nodes 2 --ranks-per-node 3 -- --data letters.h5 --run many \
        --set train.steps=5
    until_job "$JOB" COMPLETED
    layout "$OUT"
    [ "$(layout "$OUT" | grep -c '^3 ranks x 1 thread on n[123], ')" -eq 2 ]
    submit "$TINY" --nodes 3 --threads 2 -- --data letters.h5 --run wide --set train.steps=5
    until_job "$JOB" COMPLETED
    layout "$OUT"
    [ "$(layout "$OUT" | grep -c '^1 rank x 2 threads on n[123], ')" -eq 3 ]
    same_state many/log.txt wide/log.txt
}

# All nodes but n4 claim CPUs that do not exist, where pinning would fail.
@test "whole nodes get a rank for each CPU, pinned if the CPUs exist" {
    unset OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy
    unset OMPI_MCA_mpi_yield_when_idle OMP_WAIT_POLICY
    (($(nproc) < 6)) || skip "this machine has the CPUs that the nodes claim"
    submit "$TINY" -- --data letters.h5 --run claimed --set train.steps=5
    until_job "$JOB" COMPLETED
    layout "$OUT"
    [ "$(layout "$OUT" | sed 's/ on .*//')" = "6 ranks x 1 thread" ]
    [ "$(layout "$OUT" | grep -c '|')" -eq 0 ]
    sed 's/^/    /' "$OUT"
    grep -q 'note: 6 threads of 6 rank(s) on the [0-9]* CPUs of n' "$OUT"

    (($(nproc) == $(nproc --all) && $(nproc) > 1)) || skip "not all CPUs may be used"
    submit "$TINY" --partition real -- --data letters.h5 --run pinned --set train.steps=5
    until_job "$JOB" COMPLETED
    layout "$OUT"
    [ "$(layout "$OUT" | sed 's/ on .*//')" = "$(nproc) ranks x 1 thread" ]
    [ "$(layout "$OUT" | tr -cd '|' | wc -c)" -eq $(($(nproc) - 1)) ]
    submit "$TINY" --partition real --threads "$(nproc)" -- --data letters.h5 --run threads \
        --set train.steps=5
    until_job "$JOB" COMPLETED
    layout "$OUT"
    [ "$(layout "$OUT" | sed 's/ on .*//')" = "1 rank x $(nproc) threads" ]
    same_state pinned/log.txt threads/log.txt
}

@test "tasks that do not see each other are refused, and a single one trains" {
    JOB=$(on_head sbatch --parsable --output=plain.out --ntasks=2 --wrap \
        "srun --mpi=none '$LOCKSTEP' train '$TINY' --data letters.h5 --run plain; \
         srun --mpi=pmi2 '$LOCKSTEP' train '$TINY' --data letters.h5 --run plain; \
         srun --mpi=none --ntasks=1 '$LOCKSTEP' train '$TINY' --data letters.h5 --run plain \
             --set train.steps=5; \
         '$LOCKSTEP' train '$TINY' --data letters.h5 --run batch --set train.steps=5")
    until_job "$JOB" COMPLETED
    cat plain.out
    [ "$(grep -c '^note: SLURM_NTASKS is 2 but this is one rank, which trains alone' plain.out)" -ge 1 ]
    [ "$(grep -c '^lockstep: the 2 tasks of srun do not see each other; ' plain.out)" -eq 2 ]
    [ "$(grep -c '^finished step 5 of 5 ' plain.out)" -eq 2 ]
}

@test "srun with several tasks of a command for one process is refused, a script works" {
    JOB=$(on_head sbatch --parsable --output=one.out --ntasks=2 --wrap \
        "srun --mpi=none '$LOCKSTEP' data info letters.h5; echo first \$?; \
         srun --mpi=pmix '$LOCKSTEP' data info letters.h5; echo second \$?; \
         srun --ntasks=1 '$LOCKSTEP' data info letters.h5 >info.out; echo third \$?; \
         srun sh -c '$LOCKSTEP data info letters.h5; :' >script.out; echo fourth \$?; \
         '$LOCKSTEP' data info letters.h5 >batch.out; echo fifth \$?")
    until_true "the job is over" over "$JOB"
    cat one.out
    refusal="^lockstep: 'data' is a command for one process, srun started 2; type it without srun$"
    [ "$(grep -c "$refusal" one.out)" -eq 2 ]
    [ "$(grep -E '^(first|second|third|fourth|fifth) ' one.out | paste -sd' ')" = \
        "first 2 second 2 third 0 fourth 0 fifth 0" ]
    [ "$(grep -c '^data set ' info.out)" -eq 1 ]
    [ "$(grep -c '^data set ' script.out)" -eq 2 ]
}

# states LOG...: the states, one per line.
states() {
    local log
    for log in "$@"; do
        state "$log"
    done
}

@test "a sweep is an array of runs with the same results as separate ones" {
    submit "$TINY" --sweep train.seed=1,2 --sweep optim.lr=0.05,0.01 --threads 1 -- \
        --data letters.h5 --set train.steps=50
    grep -q "^job $JOB: 4 runs, 1 x 1 ranks x 1 threads each, in runs/tiny/" submitted
    until_true "the array is over" over "$JOB"
    ls runs/tiny
    [ "$(ls -d runs/tiny/train.seed=[12],optim.lr=0.0[15] | wc -l)" -eq 4 ]
    for task in 1 2 3 4; do
        grep -q '^finished step 50 of 50 ' "tiny-${JOB}_$task.out"
    done
    [ "$(states runs/tiny/*/log.txt | sort -u | wc -l)" -eq 4 ]
    train 1 "$TINY" --set train.steps=50 --set train.seed=2 --set optim.lr=0.01 --run alone \
        >alone.out
    same_state alone.out runs/tiny/train.seed=2,optim.lr=0.01/log.txt
}

# One task of an array has the job number of the array itself: what is done to it must not be
# done to all.
@test "one task of an array can be requeued alone" {
    endless swept.conf
    JOB=$(LOCKSTEP_ROOT=$ROOT on_head sbatch --parsable --output=swept-%a.out --array=1-3 \
        --time=30 "$ROOT/slurm/sweep.sbatch" swept.conf --data letters.h5)
    for seed in 1 2 3; do
        until_stay runs/swept/train.seed=$seed 1
    done
    on_head scontrol show job "$JOB" --oneliner >tasks
    master=$(sed -nE "s/^JobId=$JOB .*ArrayTaskId=([0-9]).*/\1/p" tasks)
    on_head scancel --batch --signal=USR1 "${JOB}_$master"
    until_stay runs/swept/train.seed="$master" 2
    grep -q "^job ${JOB}_$master: stopped before its end: back into the queue$" \
        "swept-$master.out"
    for seed in 1 2 3; do
        [ "$(stays runs/swept/train.seed=$seed)" -eq $((seed == master ? 2 : 1)) ]
    done
    on_head scancel "$JOB"
    until_true "the array is over" over "$JOB"
    [ "$(grep -c '^stopped step ' runs/swept/train.seed=1/log.txt)" -ge 1 ]
    [ "$(cat swept-*.out | grep -c ': ended from outside; submit it again to go on')" -eq 3 ]
}

@test "a task of an array beyond the points of its sweep fails with one line" {
    JOB=$(LOCKSTEP_ROOT=$ROOT on_head sbatch --parsable --output=longer-%a.out --array=3 \
        "$ROOT/slurm/sweep.sbatch" --sweep train.seed=5,6 "$TINY" --data letters.h5)
    until_job "${JOB}_3" FAILED
    [ "$(<longer-3.out)" = "job ${JOB}_3: the sweep has 2 points, and this is task 3 of the array: use --array=1-2" ]
}
