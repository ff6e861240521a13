#!/usr/bin/env bats
# launch.sh outside of SLURM: ranks, pinning, exit codes, and signals at any instant.
# tests/slurm tests it inside of SLURM.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 200
}

# launch.sh decides the layout.
setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    unset OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy
    unset OMPI_MCA_mpi_yield_when_idle OMP_WAIT_POLICY LAUNCHER "${!SLURM_@}"
    LAUNCH=$ROOT/scripts/launch.sh
    cores=$(mpi_cores)
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# cpus WORDS...: the CPUs that each rank of `launch.sh WORDS` may use, one line per rank.
cpus() {
    "$LAUNCH" "$@" sh -c 'grep Cpus_allowed_list /proc/self/status' | cut -f2
}

@test "launch.sh starts one rank per core, or as many as are asked for" {
    [ "$("$LAUNCH" echo here | grep -c here)" -eq "$cores" ]
    [ "$("$LAUNCH" -n 1 echo here | grep -c here)" -eq 1 ]
    [ "$("$LAUNCH" -np $((cores + 3)) echo here | grep -c here)" -eq $((cores + 3)) ]
    [ "$("$LAUNCH" --host localhost:3 --oversubscribe echo here | grep -c here)" -eq 3 ]
    [ "$("$LAUNCH" --mca btl self,vader,tcp -x A=1 -n 2 sh -c 'echo here $A' -n 5 |
        grep -c 'here 1')" -eq 2 ]
}

@test "ranks that fill the machine are pinned to separate cores, fewer ranks are not" {
    (($(nproc) > 1 && $(nproc) == $(nproc --all))) || skip "not enough CPUs to see it"
    [ "$(cpus | sort -u | wc -l)" -eq "$cores" ]
    [ "$(cpus | grep -cx "$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)")" -eq 0 ]
    [ "$(cpus -n $(($(nproc) + 1)) | sort -u | wc -l)" -eq 1 ]
    [ "$(cpus --bind-to none | sort -u | wc -l)" -eq 1 ]
    export OMPI_MCA_hwloc_base_binding_policy=none
    [ "$(cpus | sort -u | wc -l)" -eq 1 ]
}

@test "more ranks than cores yield while they wait" {
    run "$LAUNCH" -n $(($(nproc) + 1)) sh -c 'echo "$OMPI_MCA_mpi_yield_when_idle"'
    [ "$(sort -u <<<"$output")" = 1 ]
    run "$LAUNCH" -n 1 sh -c 'echo "<$OMPI_MCA_mpi_yield_when_idle>"'
    [ "$output" = "<>" ]
    run "$LAUNCH" -n 1 sh -c 'echo "$OMPI_MCA_mpi_yield_when_idle"' --threads $(($(nproc) + 1))
    [ "$output" = 1 ]
}

@test "arguments and exit codes pass through" {
    odd='a  b$(touch hacked)"'\''*'
    run "$LAUNCH" -n 1 printf '<%s>' "$odd" '' --
    [ "$status" -eq 0 ]
    [ "$output" = "<$odd><><-->" ]
    [ ! -e hacked ]
    run "$LAUNCH" -n 2 sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run "$LAUNCH" -n 2 sh -c 'kill -KILL $$'
    [ "$status" -eq 137 ]
    run "$LAUNCH" -n 1 "$LOCKSTEP" train "$TINY" --data none.h5
    [ "$status" -eq 1 ]
}

@test "launch.sh refuses bad arguments in one line" {
    no() {
        run --separate-stderr "${@:2}"
        echo "status $status: $stderr"
        [ "$status" -eq 2 ] && [[ $stderr == "launch.sh: "$1 && $stderr != *$'\n'* ]]
    }
    no 'no program given; usage: *' "$LAUNCH"
    no 'no program given; usage: *' "$LAUNCH" -n 2
    no "'-n' needs a value" "$LAUNCH" -n
    no "'-n x': a number of ranks is expected" "$LAUNCH" -n x true
    no "LAUNCHER='ssh': mpirun or srun" env LAUNCHER=ssh "$LAUNCH" true
    no "LAUNCHER=srun needs a SLURM job; *" env LAUNCHER=srun "$LAUNCH" true
}

# launched RUN: launch.sh in the background, leader of its process group; JOB is its pid.
# `env` undoes that a shell's background jobs ignore INT.
launched() {
    setsid env --default-signal=INT,QUIT "$LAUNCH" -n 2 "$LOCKSTEP" train "$TINY" \
        --data letters.h5 --threads 1 --set log.every=2 "${ENDLESS[@]}" --run "$1" "${@:2}" \
        >"$1.out" 2>"$1.err" </dev/null 3>&- &
    JOB=$! PIDS=()
}

@test "signals that stop lockstep save a checkpoint and end with 75" {
    for signal in TERM INT USR2 QUIT ALRM PROF RTMIN+3; do
        rm -rf run
        launched run
        until_step run 8
        kill -s $signal $JOB
        ends_with 75 run
        step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' run/log.txt)
        [ -f "$(printf 'run/checkpoints/step-%012d.h5' "$step")" ]
    done
}

@test "Ctrl-C in a terminal, which reaches the whole group, does the same" {
    launched typed
    until_step typed 8
    kill -INT -- -$JOB
    ends_with 75 typed
    grep -q '^stopped step ' typed/log.txt
}

@test "a signal at any instant of the start ends with 75, and the run can be resumed" {
    for delay in 0.05 0.1 0.2 0.3 0.5; do # instants of the start, on most machines
        launched early --resume
        poll takes $JOB USR1 # before that bash would end, whatever the program does
        sleep $delay
        kill -USR1 $JOB
        ends_with 75 early
    done
    ends_as_undisturbed 1 early "$TINY" --set log.every=2
}

@test "INT twice ends at once" {
    launched twice
    until_step twice 8
    kill -INT $JOB
    poll handled $JOB INT
    kill -INT $JOB
    ends_with 130 twice
}

@test "when launch.sh is killed the ranks save and stop" {
    setpriv --pdeathsig USR1 true 2>/dev/null || skip "setpriv has no --pdeathsig"
    # mpirun stops reading the job's output when it ends the job, and its buffer is small:
    # with a line each millisecond rank 0 would soon block.
    launched orphan --set log.every=200
    until_step orphan 200
    mapfile -t PIDS < <(pgrep -f "^$LOCKSTEP train .*--run orphan")
    kill -KILL $JOB
    ends_with 137 orphan
    grep -q '^stopped step ' orphan/log.txt
}
