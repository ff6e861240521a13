#!/usr/bin/env bats
# A rank that does not arrive is named, with its step and its place. If it does not move
# again, the job is ended; if it does, the job goes on with the same bits.

OPTIONS=(--set train.batch=64 --set train.grain=8 --set log.every=1 --set train.eval_every=9
    --set checkpoint.every_minutes=0)
PLACE='layer [a-z]+[0-9]+ (forward|backward)|evaluate, layer [a-z]+[0-9]+'
PLACE+='|load|reduce|update|evaluate|checkpoint'

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    host=$(hostname -s)
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# named RUN RANK PID: a warning names the place of the rank: the last step of the log or the
# one after it, and a phase or an existing layer.
named() {
    local last pattern
    pattern="rank $2 \($host\) has been at step ([0-9]+), ($PLACE), for ([0-9]+) s: \
process $3 is stopped; the job is ended after"
    until_said "$1" "$pattern"
    [[ $(grep -E "$pattern" "$1.err") =~ $pattern ]]
    echo "named: ${BASH_REMATCH[0]}"
    last=$(sed -nE 's/^ +([0-9]+) +[0-9]+\.[0-9]+ .*/\1/p' "$1/log.txt" | tail -n 1)
    ((BASH_REMATCH[1] == last || BASH_REMATCH[1] == last + 1))
    if [[ ${BASH_REMATCH[2]} == *layer* ]]; then
        grep -qE "^ +$(grep -oE '[a-z]+[0-9]+' <<<"${BASH_REMATCH[2]}" | head -n 1) " \
            "$1/log.txt"
    fi
}

# stop RANK: stops one of four training ranks for ever.
stop() {
    start 4 "stop$1" "$LETTERS" "${OPTIONS[@]}" --set train.steps=1000000 --stall-timeout 10
    until_lines "stop$1" 12
    victim=$(pid_of "$1")
    kill -STOP "$victim"
    named "stop$1" "$1" "$victim"
    started=("${PIDS[@]}")
    ends_with 1 "stop$1"
    [ "$(grep -cE "rank $1 \($host\) has been at .* is stopped; ending the job \
\(--stall-timeout 10\)$" "stop$1.err")" -eq 1 ]
    [ "$(grep -c "; the job is ended after 10 s$" "stop$1.err")" -eq 1 ]
    for pid in "${started[@]}"; do dead "$pid"; done # even the stopped one
}

@test "when the last rank is stopped, rank 0 names it, also in the log, and ends the job" {
    stop 3
    grep -q "^note: rank 3 ($host) has been at step " stop3.err
    grep -q "^note: rank 3 ($host) has been at step " stop3/log.txt
    grep -q "^lockstep: rank 3 ($host) has been at step .*; ending the job" stop3/log.txt

    # the same folder, resumed
    train 2 "$LETTERS" --run stop3 "${OPTIONS[@]}" --resume \
        --set "train.steps=$(($(last_step stop3) + 5))" >resume.out
    grep -q '^finished step ' resume.out
}

@test "when rank 0 is stopped, rank 1 names it and ends the job" {
    stop 0
    grep -q "^\[rank 1 $host\] rank 0 ($host) has been at step " stop0.err
}

@test "a rank that is stopped and continued is named, and the bits stay the same" {
    start 3 moved "$LETTERS" "${OPTIONS[@]}" "${ENDLESS[@]}" --stall-timeout 20
    until_lines moved 5
    victim=$(pid_of 1)
    kill -STOP "$victim"
    named moved 1 "$victim"
    kill -CONT "$victim"
    until_said moved 'moves again'
    kill -USR1 "${PIDS[1]}"
    ends_with 75 moved
    [ "$(grep -c ' has been at ' moved.err)" -eq 1 ]
    [ "$(grep -cE "^note: rank 1 \($host\) moves again: it held the job up for [0-9]+ s$" \
        moved.err)" -eq 1 ]
    grep -q "moves again: it held the job up for " moved/log.txt
    ends_as_undisturbed 2 moved "$LETTERS" "${OPTIONS[@]}"
}

@test "a job that is suspended as a whole is not ended" {
    start 3 suspended "$LETTERS" "${OPTIONS[@]}" "${ENDLESS[@]}" --stall-timeout 6
    until_lines suspended 5
    kill -STOP "${PIDS[@]}"
    poll all_stopped "${PIDS[@]}"
    stopped=$SECONDS
    poll suspended_for 8 # longer than the timeout
    kill -CONT "${PIDS[@]}"
    LINES_BEFORE=$(steps_logged suspended)
    until_lines suspended 5
    run -1 grep -E 'has been|wait for each other|goes on|moves again' suspended.err
    kill -USR1 "${PIDS[1]}"
    ends_with 75 suspended
    ends_as_undisturbed 2 suspended "$LETTERS" "${OPTIONS[@]}"
}

suspended_for() { # SECONDS
    ((SECONDS - stopped >= $1))
}

@test "each rank has a watching thread, unless --stall-timeout is 0" {
    local i
    start 2 never "$TINY" "${OPTIONS[@]}" --set train.steps=1000000 --stall-timeout 0
    until_lines never 2
    run ! grep -lx lockstep-watch /proc/"${PIDS[0]}"/task/*/comm
    kill -USR1 "${PIDS[1]}"
    ended || [ $? -eq 75 ]
    start 2 always "$TINY" "${OPTIONS[@]}" --set train.steps=1000000
    until_lines always 2
    for i in 0 1; do
        [ "$(cat /proc/"${PIDS[i]}"/task/*/comm | grep -cx lockstep-watch)" -eq 1 ]
    done
    kill -USR1 "${PIDS[1]}"
    ended || [ $? -eq 75 ]
}

# watched PID: the process has started its watching thread.
watched() {
    cat /proc/"$1"/task/*/comm 2>/dev/null | grep -qx lockstep-watch
}

# stop_in NAME WORD...: stops the second of two ranks of the long `lockstep WORD...`.
stop_in() {
    local status=0
    mpirun -n 2 "$LOCKSTEP" "${@:2}" --stall-timeout 6 >"$1.out" 2>"$1.err" </dev/null 3>&- &
    JOB=$!
    poll ranks_are_there
    victim=$(pid_of 1)
    poll watched "$victim"
    poll watched "$(pid_of 0)"
    kill -STOP "$victim"
    ended || status=$?
    echo "status $status, $(<"$1.err")"
    [ "$status" -eq 1 ]
    grep -qE "rank 1 \($host\) has been at .*: process $victim is stopped; ending the job \
\(--stall-timeout 6\)$" "$1.err"
    dead "$victim"
}

ranks_are_there() {
    mapfile -t PIDS < <(pgrep -P "$JOB")
    ((${#PIDS[@]} == 2)) && pid_of 0 && pid_of 1
} >/dev/null 2>&1

# The network is large, so that all of this takes long.
@test "eval, bench, lab batch and tune are watched as well" {
    {
        echo '[model]'
        printf 'layer = %s\n' 'conv 256 kernel=3 pad=1' 'conv 256 kernel=3 pad=1' flatten \
            'linear classes' logsoftmax
    } >wide.conf
    train 2 wide.conf --run wide --set train.batch=8 --set train.steps=1 >wide.out
    stop_in eval eval wide --data letters.h5 --split train --threads 1
    stop_in bench bench step --batch 256 --threads 1 --repeats 1000000
    stop_in lab lab batch --batch 256 --threads 1 --repeats 1000000
    stop_in tune tune --threads 2 --batch 256,512,1024,2048
}

@test "malformed timeouts are refused" {
    refused 2 "*604801* is too long: at most 604800 seconds, a week" \
        train 1 "$TINY" --run x --stall-timeout 604801
    refused 2 "*--stall-timeout*" train 1 "$TINY" --run x --stall-timeout -1
    refused 2 "*--stall-timeout*" train 1 "$TINY" --run x --stall-timeout soon
    refused 2 "*604801* is too long: at most 604800 seconds, a week" \
        "$LOCKSTEP" bench step --stall-timeout 604801
    [ ! -e x ]
}
