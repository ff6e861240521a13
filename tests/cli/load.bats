#!/usr/bin/env bats
# What makes a run slow is reported in one line, with what to type; nothing else is.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 60 20
}

# Ranks are bound by mpirun's own rules.
setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    unset OMPI_MCA_hwloc_base_binding_policy OPENBLAS_NUM_THREADS OPENBLAS_CORETYPE
    unset "${!SLURM_@}"
    cpus=$(nproc)
}

# says PATTERN COMMAND...: --check prints one note about threads and CPUs that matches
# PATTERN; none if PATTERN is empty.
says() {
    run --separate-stderr "${@:2}" train "$TINY" --data letters.h5 --run never \
        --check "${options[@]}"
    [ "$status" -eq 0 ]
    local notes
    notes=$(grep -E 'thread|CPU|rank' <<<"$stderr" || :)
    printf 'said <%s>\nnot  <%s>\n' "$notes" "$1"
    [[ $notes != *$'\n'* ]]
    # shellcheck disable=SC2053
    [[ $notes == $1 ]]
}

need_cpus() {
    ((cpus >= $1)) || skip "this machine has fewer than $1 CPUs"
}

@test "thread counts of the environment that are ignored are named" {
    options=(--threads 1)
    says '' "$LOCKSTEP"
    says 'note: OMP_NUM_THREADS=4 is ignored: a rank has 1 thread; use --threads, and unset it' \
        env OMP_NUM_THREADS=4 "$LOCKSTEP"
    says '' env OMP_NUM_THREADS=1 "$LOCKSTEP"
    says 'note: OPENBLAS_NUM_THREADS=8 is ignored: a BLAS call has one thread, a rank has 1; use --threads, and unset it' \
        env OPENBLAS_NUM_THREADS=8 "$LOCKSTEP"
    says '' env OPENBLAS_NUM_THREADS=1 "$LOCKSTEP"
    need_cpus 2
    options=(--threads 2)
    says 'note: OMP_NUM_THREADS=1 is ignored: a rank has 2 threads; *' \
        env OMP_NUM_THREADS=1 "$LOCKSTEP"
    says '' env OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 "$LOCKSTEP"
}

@test "OMP_THREAD_LIMIT is refused if --threads exceeds it, else kept and named" {
    refused 2 'OMP_THREAD_LIMIT=1 allows fewer threads than 2; unset it, or use --threads 1' \
        env OMP_THREAD_LIMIT=1 "$LOCKSTEP" train "$TINY" --data letters.h5 --run never \
        --check --threads 2
    need_cpus 2
    options=()
    says 'note: OMP_THREAD_LIMIT=1: no rank has more threads; unset it' \
        env OMP_THREAD_LIMIT=1 "$LOCKSTEP"
    grep -q 'x 1 thread on' <<<"$output"
}

@test "an OMP_THREAD_LIMIT of one rank only is named by that rank, and the job ends" {
    for words in "train $TINY --run never" "eval never"; do
        # shellcheck disable=SC2206 # words
        command=("$LOCKSTEP" $words --data letters.h5 --threads 2)
        run --separate-stderr timeout 60 mpirun -n 1 "${command[@]}" : \
            -n 1 env OMP_THREAD_LIMIT=1 "${command[@]}"
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        [[ $stderr == *"[rank 1 "*"] OMP_THREAD_LIMIT=1 allows fewer threads than 2; "* ]]
    done
}

@test "OMP_DYNAMIC removes no threads" {
    OMP_DYNAMIC=true train 1 "$TINY" --run dynamic --threads 3 --set train.steps=3 >dynamic.out
    train 1 "$TINY" --run plain --threads 1 --set train.steps=3 >plain.out
    same_state dynamic.out plain.out
}

@test "OpenMP's ways to bind threads leave the ranks' CPUs alone, and are named" {
    options=()
    says '' env OMP_PROC_BIND=false "$LOCKSTEP"
    plain=$(grep '^parallel' <<<"$output")
    says '' env OMP_PROC_BIND=true "$LOCKSTEP"
    same_text "$plain" "$(grep '^parallel' <<<"$output")"
    for setting in 'OMP_PLACES={0}' OMP_PLACES=cores GOMP_CPU_AFFINITY=0; do
        says "note: $setting is ignored: a rank's threads run on any CPU of the rank, *" \
            env OMP_PROC_BIND=close "$setting" "$LOCKSTEP"
        same_text "$plain" "$(grep '^parallel' <<<"$output")"
    done
}

@test "a rank that is bound to fewer CPUs than SLURM's CPUs per task has as many threads" {
    need_cpus 2
    options=()
    says "note: 1 thread of 1 rank on *: bound to [0-9]* of $cpus CPUs (*); start with 'mpirun --bind-to none'" \
        env SLURM_CPUS_PER_TASK=2 mpirun -n 1 --bind-to hwthread "$LOCKSTEP"
    grep -q 'x 1 thread on' <<<"$output"
    says '' env SLURM_CPUS_PER_TASK=2 mpirun -n 1 --bind-to none "$LOCKSTEP"
    grep -q 'x 2 threads on' <<<"$output"
}

@test "ranks that mpirun bound to too few CPUs are named" {
    need_cpus 2
    options=()
    says "note: 1 thread of 1 rank on *: bound to [0-9]* of $cpus CPUs (*); start with 'mpirun --bind-to none'" \
        mpirun -n 1 --bind-to hwthread "$LOCKSTEP"
    options=(--threads "$cpus")
    says "note: $cpus threads of 1 rank on *: bound to [0-9]* of $cpus CPUs (*); start with 'mpirun --bind-to none'" \
        mpirun -n 1 --bind-to hwthread "$LOCKSTEP"
    says '' mpirun -n 1 --bind-to none "$LOCKSTEP"
    options=(--threads 1)
    says "note: 2 threads of 2 ranks on *: bound to 1 of $cpus CPUs (*); start with *" \
        mpirun -n 2 --bind-to none taskset -c 0 "$LOCKSTEP"
}

@test "more threads than CPUs are named" {
    options=(--threads $((cpus + 1)))
    says "note: $((cpus + 1)) threads of 1 rank(s) on the $cpus CPUs of *; use --threads $cpus or *" \
        "$LOCKSTEP"
    options=(--threads "$cpus")
    says "note: $((2 * cpus)) threads of 2 rank(s) on the $cpus CPUs of *" \
        mpirun -n 2 --bind-to none --oversubscribe "$LOCKSTEP"
}

@test "one rank where SLURM has several tasks is named" {
    options=(--threads 1)
    says "note: SLURM_NTASKS is 4 but this is one rank, which trains alone; start with 'mpirun', or 'srun --mpi=pmix'" \
        env SLURM_NTASKS=4 "$LOCKSTEP"
    says '' env SLURM_NTASKS=1 "$LOCKSTEP"
    says '' env SLURM_NTASKS=2 mpirun -n 2 --bind-to none --oversubscribe "$LOCKSTEP"
    refused 2 "the 4 tasks of srun do not see each other; start with 'srun --mpi=pmix', or with 'mpirun' instead of srun" \
        env SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 "$LOCKSTEP" train "$TINY" \
        --data letters.h5 --run never
}

@test "without --threads a rank has SLURM's CPUs per task" {
    options=()
    says '' env SLURM_CPUS_PER_TASK=1 "$LOCKSTEP"
    grep -q 'x 1 thread on' <<<"$output"
    says "note: SLURM_CPUS_PER_TASK=$((cpus + 2)), but a rank on * may use $cpus CPU* and has as many threads" \
        env SLURM_CPUS_PER_TASK=$((cpus + 2)) "$LOCKSTEP"
    says '' env SLURM_CPUS_ON_NODE=1 "$LOCKSTEP"
    grep -q 'x 1 thread on' <<<"$output"
}
