#!/usr/bin/env bats
# A job on a real SLURM: whatever ends its time on the nodes, it goes back into the queue,
# resumes on any nodes, and ends with the same bits as an undisturbed run.

# SLURM's limits are whole minutes: the two jobs that reach them run while the other tests
# do, in a folder of their own, and are held when they are back in the queue. The warning
# comes 60 s before the limit: of one minute it would meet ranks that are starting.
setup_file() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_start
    [[ -s $BATS_FILE_TMPDIR/lacks ]] && return
    cluster_needed
    letters letters.h5 32000 200
    mkdir "$BATS_FILE_TMPDIR/jobs"
    cp letters.h5 "$BATS_FILE_TMPDIR/jobs"
    cd "$BATS_FILE_TMPDIR/jobs" || return
    endless warned.conf
    submit warned.conf --nodes 2 --ranks-per-node 2 --time 2 -- --data letters.h5 \
        --max-time 9:00:00
    until_stay runs/warned 1
    on_head scontrol hold "$JOB"
    echo "$JOB" >warned.job

    endless late.conf
    JOB=$(LOCKSTEP_ROOT=$ROOT on_head sbatch --parsable --output=late.out --time=1 \
        --nodelist=n1,n2 --nodes=2 --ntasks-per-node=1 --signal=CONT@1 \
        "$ROOT/slurm/train.sbatch" late.conf --data letters.h5 --run late \
        --max-time 9:00:00)
    until_stay late 1
    on_head scontrol hold "$JOB"
    echo "$JOB" >late.job
}

setup() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_needed
    TRAIN=(-- --data letters.h5)
}

teardown_file() {
    source "$BATS_TEST_DIRNAME/fixture.sh"
    cluster_stop
}

# comes_to_its_end CONFIG RUN: the held job JOB is released, and ends as an undisturbed run.
# It has time enough on any machine: with its old limit it might be warned again.
comes_to_its_end() {
    on_head scontrol update jobid="$JOB" TimeLimit=60
    end_at $(($(newest "$2") + 100)) "$1"
    on_head scontrol release "$JOB"
    until_job "$JOB" COMPLETED
    [ "$(job_says "$JOB" ExitCode)" = 0:0 ]
    undisturbed "$1"
    same_state "$2/log.txt" undisturbed.out
    same_history undisturbed/metrics.h5 "$2/metrics.h5"
}

@test "signals, a dead rank and a requeue put a job back into the queue, scancel does not" {
    # signals to the batch script, to the ranks, to all
    endless signals.conf
    submit signals.conf --nodes 2 --ranks-per-node 2 --time 30 "${TRAIN[@]}" --run signals
    stay=0
    for how in '--batch --signal=USR1' '--signal=USR1' '--full --signal=TERM' '--signal=TERM'; do
        echo "$how"
        until_stay signals $((++stay))
        on_head scontrol hold "$JOB"
        # shellcheck disable=SC2086
        on_head scancel $how "$JOB"
        until_job "$JOB" PENDING
        [ "$(grep -c '^stopped step ' signals/log.txt)" -eq $stay ]
        [ "$(job_says "$JOB" Restarts)" = $stay ]
        on_head scontrol release "$JOB"
    done
    grep -Eq '^limit  *stops, to go on later, before 1[78][0-9][0-9] s have passed$' signals/log.txt
    [ "$(grep -c ': back into the queue$' "$OUT")" -ge 4 ]

    # a rank dies on the second node
    until_stay signals 5
    on_head scontrol hold "$JOB"
    mapfile -t there < <(pgrep -f "^$LOCKSTEP train .*--run signals")
    for pid in "${there[@]}"; do
        [[ $(nsenter --target "$pid" --uts hostname) == n1 ]] || break
    done
    kill -KILL "$pid"
    until_job "$JOB" PENDING
    tail -n 5 "$OUT"
    grep -q "^job $JOB: failed with status [0-9]*: back into the queue$" "$OUT"
    on_head scontrol release "$JOB"

    # requeued by hand, then cancelled
    until_stay signals 6
    on_head scontrol requeuehold "$JOB"
    until_job "$JOB" PENDING
    grep -q "^job $JOB: ended from outside" "$OUT"
    on_head scontrol release "$JOB"
    until_stay signals 7
    stops=$(grep -c '^stopped step ' signals/log.txt)
    on_head scancel "$JOB"
    until_job "$JOB" CANCELLED
    [ "$(grep -c '^stopped step ' signals/log.txt)" -eq $((stops + 1)) ]
    [ "$(job_says "$JOB" Restarts)" = 6 ]

    # submitted again, it comes to its end
    end_at $(($(newest signals) + 100)) signals.conf
    submit signals.conf --nodes 3 --threads 2 --time 30 "${TRAIN[@]}" --run signals
    until_job "$JOB" COMPLETED
    [ "$(job_says "$JOB" Restarts)" = 0 ]
    grep -q '^finished step ' "$OUT"
    [ "$(grep -c '1 rank x 2 threads on n[123]' "$OUT")" -eq 3 ]
    undisturbed signals.conf
    same_state signals/log.txt undisturbed.out
    same_history undisturbed/metrics.h5 signals/metrics.h5
}

@test "a job goes back into the queue when the link of a node is cut" {
    endless cut.conf
    submit cut.conf --nodes 2 --ranks-per-node 2 --nodelist n2,n3 "${TRAIN[@]}" --run cut \
        --set checkpoint.every_steps=50
    until_stay cut 1
    on_head scontrol hold "$JOB"
    on_head ip link set v3 down
    until_job "$JOB" PENDING
    on_head ip link set v3 up
    tail -n 5 "$OUT"
    on_head scontrol update jobid="$JOB" ReqNodeList= NumNodes=1 NumTasks=2
    comes_to_its_end cut.conf cut
}

@test "a job with srun as its launcher is requeued in the same way" {
    endless direct.conf
    submit direct.conf --launcher srun --nodes 2 --ranks-per-node 2 "${TRAIN[@]}" --run direct
    until_stay direct 1
    kill -KILL "$(pgrep -f "^$LOCKSTEP train .*--run direct" | tail -n 1)"
    until_stay direct 2
    grep -q "^job $JOB: failed with status [0-9]*: back into the queue$" "$OUT"
    on_head scontrol hold "$JOB"
    on_head scancel --batch --signal=USR1 "$JOB"
    until_job "$JOB" PENDING
    grep -q "^job $JOB: stopped before its end: back into the queue$" "$OUT"
    [ "$(grep -c 'mpirun' "$OUT")" -eq 0 ]
    [ "$(grep -c '2 ranks x 1 thread on n[123]' "$OUT")" -eq 4 ]
    comes_to_its_end direct.conf direct
}

@test "a job without new checkpoints is not requeued for ever" {
    endless vain.conf
    PATIENCE=2 submit vain.conf --ranks-per-node 2 "${TRAIN[@]}" --run vain \
        --set checkpoint.every_epochs=0
    for stay in 1 2; do
        until_stay vain $stay
        pid=$(pgrep -f "^$LOCKSTEP train .*--run vain" | head -n 1)
        kill -KILL "$pid"
    done
    until_job "$JOB" FAILED
    tail -n 3 "$OUT"
    grep -q "^job $JOB: not put back: 2 tries left no new checkpoint$" "$OUT"
    [ "$(job_says "$JOB" ExitCode)" = 137:0 ]
}

@test "a job with wrong options is not requeued" {
    JOB=$(LOCKSTEP_ROOT=$ROOT on_head sbatch --parsable --output=wrong.out \
        "$ROOT/slurm/train.sbatch" "$TINY" --data letters.h5 --set train.stepz=1)
    until_job "$JOB" FAILED
    [ "$(job_says "$JOB" ExitCode)" = 2:0 ]
    [ "$(job_says "$JOB" Restarts)" = 0 ]
    [ "$(<wrong.out)" = "lockstep: --set: unknown key 'stepz' in [train]; did you mean 'steps'?" ]
    JOB=$(on_head sbatch --parsable --output=astray.out "$ROOT/slurm/train.sbatch" "$TINY")
    until_job "$JOB" FAILED
    [ "$(job_says "$JOB" ExitCode)" = 2:0 ]
    grep -q "^train.sbatch: no slurm/job.sh in '.*'; set LOCKSTEP_ROOT" astray.out
}

@test "SLURM's warning before the time limit requeues the job, also with other nodes" {
    cd "$BATS_FILE_TMPDIR/jobs" || return
    JOB=$(<warned.job) OUT=warned-$JOB.out
    until_job "$JOB" PENDING
    tail -n 5 "$OUT"
    grep -q "^job $JOB: stopped before its end: back into the queue$" "$OUT"
    [ "$(grep -c 'DUE TO TIME LIMIT' "$OUT")" -eq 0 ]
    grep -Eq '^stopped step [0-9]+ of' runs/warned/log.txt
    (($(newest runs/warned) % 4000))
    on_head scontrol update jobid="$JOB" NumNodes=1 NumTasks=2
    comes_to_its_end warned.conf runs/warned
    [ "$(job_says "$JOB" Restarts)" = 1 ]
    grep -E '^(parallel|  +2 ranks)' "$OUT" >layout
    cat layout
    [ "$(wc -l <layout)" -eq 3 ]
    [ "$(grep -c '2 ranks x 1 thread' layout)" -eq 3 ]
}

@test "SLURM's time limit without a warning requeues the job" {
    cd "$BATS_FILE_TMPDIR/jobs" || return
    JOB=$(<late.job) OUT=late.out
    until_job "$JOB" PENDING
    grep -q 'CANCELLED AT .* DUE TO TIME LIMIT' late.out
    grep -q "^job $JOB: .*: back into the queue$" late.out
    comes_to_its_end late.conf late
    [ "$(job_says "$JOB" Restarts)" = 1 ]
}

@test "the stopped cluster leaves no process and no interface" {
    cluster_stop
    [ "$(pgrep -fc "$CLUSTER")" -eq 0 ]
    [ "$(ip -o link show | grep -cE '(bridge|[vw][1-4])(@|:)')" -eq 0 ]
}
