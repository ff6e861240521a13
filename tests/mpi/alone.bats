#!/usr/bin/env bats
# Processes that are alone: started by a launcher whose world this MPI cannot join, with
# variables that one left over, or side by side on one machine.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 60 26
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    unset "${!SLURM_@}" "${!PMI_@}"
    ONCE=(--data letters.h5 --threads 1 --tune=off --set train.steps=1)
}

# started_by NAME COMMAND...: COMMAND as a child of a process NAME, as a launcher's daemon is.
started_by() {
    cp "$(command -v bash)" "$1"
    # shellcheck disable=SC2016
    "./$1" -c '"$@"; exit $?' "$@"
}

@test "a launcher's variables without its world are refused in one line, by name" {
    left="or, if the variable is left over, with 'env -u"
    while read -r variables said; do
        # shellcheck disable=SC2086
        refused 2 "$said*" env ${variables//,/ } "$LOCKSTEP" train "$TINY" "${ONCE[@]}" --run never
    done <<END
PMI_RANK=0,PMI_SIZE=2,PMI_FD=9,MPI_LOCALNRANKS=2 PMI_SIZE=2: the processes that mpiexec started do not see each other; start with the mpirun of Open MPI *, $left PMI_SIZE lockstep ...'
PMI_RANK=1,PMI_SIZE=2 PMI_SIZE=2: the processes that mpiexec started
PMI_RANK=1,PMI_SIZE=2,SLURM_JOBID=7,SLURM_NODELIST=x,SLURM_STEP_ID=0,SLURM_STEP_NUM_TASKS=2 the 2 tasks of srun do not see each other; start with 'srun --mpi=pmix', or with 'mpirun'
SLURM_PROCID=1,SLURM_NODELIST=x,SLURM_STEP_ID=0,SLURM_STEP_NUM_TASKS=3 the 3 tasks of srun do not see each other
PMI_ID=0,MPI_LOCALNRANKS=4 MPI_LOCALNRANKS=4: the processes that mpiexec
MV2_COMM_WORLD_RANK=1,MV2_COMM_WORLD_SIZE=2 MV2_COMM_WORLD_SIZE=2: the processes that mpirun_rsh
PALS_RANKID=3 PALS_RANKID=3: the processes that PALS
OMPI_COMM_WORLD_RANK=1,OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_SIZE=2, but this process finds no other rank; start with the mpirun of Open MPI *, $left OMPI_COMM_WORLD_SIZE lockstep
PMIX_RANK=1 PMIX_RANK=1: the processes that a PMIx launcher started
TORCHELASTIC_RUN_ID=a,RANK=0,WORLD_SIZE=2 WORLD_SIZE=2: the processes that torchrun started
MASTER_ADDR=a,RANK=1,WORLD_SIZE=2 WORLD_SIZE=2: the processes that a launcher of PyTorch started
PBS_JOBID=1.a,PBS_VNODENUM=1 PBS_VNODENUM=1: the processes that pbsdsh started
MP_CHILD=0,MP_PROCS=3 MP_PROCS=3: the processes that poe started
END
    [ ! -e never ]
    for command in "eval never" tune "lab" "bench step" "plan"; do
        # shellcheck disable=SC2086
        refused 2 "PMI_SIZE=2: *" env PMI_RANK=0 PMI_SIZE=2 "$LOCKSTEP" $command
    done
}

@test "of the copies that a known launcher started the first speaks for all" {
    run started_by hydra_pmi_proxy env PMI_RANK=0 PMI_SIZE=2 MPI_LOCALNRANKS=2 \
        sh -c 'exec "$@"' sh "$LOCKSTEP" show letters.h5
    echo "$output"
    [ "$status" -eq 2 ]
    [ "$output" = "lockstep: 'show' is a command for one process, mpiexec started 2; type it without mpiexec" ]
    for command in "show letters.h5" "train $TINY --run never"; do
        # shellcheck disable=SC2086
        run started_by slurmstepd env SLURM_PROCID=1 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 \
            "$LOCKSTEP" $command
        [ "$status" -eq 2 ]
        [ -z "$output" ]
    done
    run started_by slurmstepd env SLURM_PROCID=0 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 \
        "$LOCKSTEP" runs never
    [ "$status" -eq 2 ]
    [ "$output" = "lockstep: 'runs' is a command for one process, srun started 2; type it without srun" ]
}

# A launcher of one process, or variables of a job that is no step of srun.
@test "what a launcher of one process and a job's shell set is no obstacle" {
    for variables in "PMI_RANK=0 PMI_SIZE=1 PMI_FD=9" "SLURM_PROCID=1" "OMPI_COMM_WORLD_SIZE=2" \
        "SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_JOB_ID=7" "WORLD_SIZE=2 RANK=1" \
        "SLURM_PROCID=0 SLURM_STEP_ID=4294967290 SLURM_STEP_NUM_TASKS=1 SLURM_NTASKS=4 SLURM_NODELIST=x" \
        "PBS_JOBID=1.a PBS_VNODENUM=0 PBS_NP=4" "MASTER_ADDR=a RANK=0 WORLD_SIZE=1" \
        "PMI_RANK=x PMI_SIZE=2" "PMIX_RANK=0"; do
        echo "$variables"
        # shellcheck disable=SC2086
        env $variables "$LOCKSTEP" train "$TINY" "${ONCE[@]}" --run "run $variables" >out
        # shellcheck disable=SC2086
        env $variables "$LOCKSTEP" data info letters.h5 >out
    done
}

# side_by_side N COMMAND...: N lone ranks that start and end together; @ in a word is the
# number of each, and what they print is in side/@.out.
side_by_side() {
    local i count=$1 pids=()
    shift
    for ((i = 0; i < count; i++)); do
        "$LOCKSTEP" "${@//@/$i}" >"side/$i.out" 2>&1 </dev/null &
        pids+=($!)
    done
    for i in "${!pids[@]}"; do
        wait "${pids[i]}" || { cat "side/$i.out" && return 1; }
    done
}

@test "fifty lone runs that start and end at the same moment do not meet" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "fifty programs with sanitizers take too much memory"
    export TMPDIR=$PWD/tmp
    mkdir "$TMPDIR"
    for round in 1 2 3; do
        rm -rf side
        mkdir side
        side_by_side 50 train "$TINY" "${ONCE[@]}" --run side/@
        [ "$(grep -l '^finished step 1 of 1 ' side/*.out | wc -l)" -eq 50 ]
        [ "$(sed -n 's/^finished .*state=//p' side/*.out | sort -u | wc -l)" -eq 1 ]
        [ -z "$(ls -A "$TMPDIR")" ]
    done
}

@test "fifty lone evaluations at the same moment give the same answer" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "fifty programs with sanitizers take too much memory"
    train 1 "$TINY" "${ONCE[@]}" --run net >net.out
    export TMPDIR=$PWD/tmp
    mkdir "$TMPDIR" side
    for round in 1 2 3; do
        rm -f side/*
        side_by_side 50 eval net --data letters.h5 --threads 1 --out side/@.h5
        [ "$(grep -l '^accuracy ' side/*.out | wc -l)" -eq 50 ]
        [ "$(sed -n 's/^accuracy \(.* loss [0-9.]*\).*/\1/p' side/*.out | sort -u | wc -l)" -eq 1 ]
        [ "$(ls side/*.h5 | wc -l)" -eq 50 ]
        [ -z "$(ls -A "$TMPDIR")" ]
    done
}

@test "no command leaves a session folder, alone or under mpirun" {
    export TMPDIR=$PWD/tmp
    mkdir "$TMPDIR"
    for start in exec "mpirun -n 2"; do
        (
            $start "$LOCKSTEP" train "$TINY" "${ONCE[@]}" --run "$start" </dev/null
        ) >out
        ($start "$LOCKSTEP" eval "$start" --data letters.h5 --threads 1 </dev/null) >out
        ($start "$LOCKSTEP" bench layers --threads 1 </dev/null) >out || cat out
        find "$TMPDIR"
        [ -z "$(find "$TMPDIR" -mindepth 1 ! -type d)" ]
    done
    # mpirun itself may leave its empty top folder; a lone process leaves nothing
    rm -rf "${TMPDIR:?}"/*
    "$LOCKSTEP" eval exec --data letters.h5 --threads 1 >out
    [ -z "$(ls -A "$TMPDIR")" ]
}
