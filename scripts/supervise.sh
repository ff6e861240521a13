#!/bin/bash
# Restart a run until it is finished: start COMMAND, a `lockstep train` line with or without
# mpirun before it, and start it again whenever it is killed, fails or stops early (75). It
# resumes from the run's newest checkpoint (--resume is added).
#   supervise.sh [--max-failures M] [--delay S] COMMAND...
#     --max-failures M  give up after M tries in a row without a newer checkpoint, default 5
#     --delay S         seconds before a restart, default 1
# Exits with COMMAND's exit code: 0 done, 2 usage, 3 bug, or that of the last failure.
# The signals that stop lockstep (INT, TERM, HUP, ...: docs/faults-and-resume.md) stop the run
# after a checkpoint; the exit code is 75, and the same line resumes. A second INT ends the run
# at once. Checkpoints must be visible on this machine.
set -um # every COMMAND is a process group: Ctrl-C reaches this script only
source "$(dirname "$(realpath "$0")")/progress.sh"

max_failures=5 delay=1
child='' asking='' stopping='' caught='' interrupts=0

say() {
    printf 'supervise: %s\n' "$*" >&2
}

usage() {
    say "$@"
    say "usage: supervise.sh [--max-failures M] [--delay S] COMMAND..."
    exit 2
}

# wrote_config FOLDER CONFIG: is CONFIG the one that the run in FOLDER wrote?
wrote_config() {
    [[ $2 -ef $1/config.conf && (-f $1/log.txt || -f $1/metrics.h5 || -d $1/checkpoints) ]] &&
        head -n 1 "$2" | grep -q '^# The whole config of a run of lockstep'
}

# run_folder WORD...: the run's folder of a command: what --run says, or lockstep's default. The
# rule is that of src/app/run/run_folder.c, for a program that may not run on this machine.
run_folder() {
    local config='' folder='' stem
    while [[ ${1-train} != train ]]; do shift; done
    (($#)) || return 1
    for ((; $# > 1; )); do
        shift
        case $1 in
        --run) folder=${2-} && shift ;;
        --run=*) folder=${1#*=} ;;
        --resume | --check | --elsewhere | --no-verify | --json | --*=*) ;; # the others have a value
        --*) shift ;;
        *) config=${config:-$1} ;;
        esac
    done
    [[ $folder ]] && echo "$folder" && return
    [[ $config == */* ]] && folder=${config%/*}
    wrote_config "${folder:-.}" "$config" && echo "${folder:-.}" && return
    config=${config##*/} stem=${config%.*}
    echo "runs/${stem:-$config}"
}

# USR1 asks lockstep to stop. Sent repeatedly: mpirun may not have started its ranks yet.
ask_to_stop() {
    while kill -USR1 "$child"; do sleep 1; done 2>/dev/null
}

pass_on_stop() {
    [[ -z $child || $asking ]] && return
    ask_to_stop &
    asking=$!
}

on_signal() {
    caught=yes stopping=$1
    [[ $1 == INT ]] && ((++interrupts > 1)) && end_at_once
    pass_on_stop
}

# Two INTs end mpirun, srun and lockstep at once, with their children.
end_at_once() {
    local i
    for ((i = 0; i < 50; i++)); do
        ((i < 2)) && kill -INT "$child" 2>/dev/null
        kill -0 "$child" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$child" 2>/dev/null
    say "ended by a second INT"
    exit 130
}

# A trap ends `wait` early, with a status that is not the child's.
wait_for_child() {
    local again
    wait "$child" 2>/dev/null
    status=$?
    while [[ $caught ]]; do
        caught=''
        wait "$child" 2>/dev/null
        again=$?
        ((again == 127)) || status=$again # 127: the first wait got the status
    done
}

# If this script is killed, the command gets TERM and ends, too: without its supervisor it
# would hold the run's lock.
with_us=()
setpriv --pdeathsig TERM true 2>/dev/null && with_us=(setpriv --pdeathsig TERM)
start_and_wait() {
    "${with_us[@]}" "$@" </dev/null &
    child=$!
    [[ $stopping ]] && pass_on_stop
    wait_for_child
    child=''
    [[ $asking ]] && kill -- "-$asking" 2>/dev/null
    asking=''
}

# After mpirun was killed its ranks live for two more seconds and hold the run's lock.
pause() {
    start_and_wait sleep "$delay"
    [[ $stopping || ! -f $run/lock ]] || start_and_wait flock -w 10 "$run/lock" true 2>/dev/null
}

lock_is_held() {
    [[ -f $run/lock ]] || return
    flock -n "$run/lock" true 2>/dev/null
    (($? == 1)) # other numbers: unknown, as where the file system has no locks
}

how_it_ended() {
    if ((status == 75)); then
        echo "stopped early"
    elif ((status > 128)); then
        echo "killed by $(kill -l $((status - 128)) 2>/dev/null || echo "signal")"
    else
        echo "exit status $status"
    fi
}

# Exits unless the run is to be restarted.
end_or_go_on() {
    case $status in
    2) lock_is_held || exit 2 ;; # held: lockstep refused with "in use by another lockstep"
    0 | 3 | 126 | 127) exit "$status" ;;
    esac
    [[ $stopping ]] || return
    ((status > 128)) && status=75 # a killed run can be resumed as well
    say "stopped by $stopping, newest checkpoint: step $(newest_step "$program" "$run")"
    exit "$status"
}

while (($#)); do
    case $1 in
    --max-failures) max_failures=${2-} ;;
    --delay) delay=${2-} ;;
    --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*) usage "unknown option '$1'" ;;
    *) break ;;
    esac
    shift $(($# > 1 ? 2 : 1))
done
[[ $max_failures =~ ^[1-9][0-9]*$ ]] || usage "--max-failures needs a number from 1"
[[ $delay =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage "--delay needs seconds"
(($#)) || usage 'no command given'
run=$(run_folder "$@") || usage "no 'train' in the command '$*'"
[[ $run == auto ]] && usage "'--run auto' would mean another folder each time: name the run's"
command=() program=''
for word; do
    [[ $word == train && -z $program ]] && program=${command[-1]-none}
    [[ $word == --resume ]] || command+=("$word")
    [[ $word == train ]] && command+=(--resume)
done

stop_signals=(INT TERM USR1 USR2 XCPU HUP QUIT ALRM VTALRM PWR STKFLT IO PROF {34..64})
for signal in "${stop_signals[@]}"; do
    # shellcheck disable=SC2064 # expand the name now
    trap "on_signal $signal" "$signal"
done
fruitless=0 before=$(newest_step "$program" "$run")
while :; do
    start_and_wait "${command[@]}"
    end_or_go_on
    ended=$status what="$(how_it_ended) at $(printf '%(%F %T)T')"
    pause
    step=$(newest_step "$program" "$run") status=75
    [[ $stopping ]] && end_or_go_on # the signal came during the pause
    count_try "$before" "$step"
    before=$step
    tries="failures without a newer checkpoint: $fruitless of $max_failures"
    if ((fruitless >= max_failures)); then
        say "$what: given up at step $step ($tries)"
        exit "$ended"
    fi
    say "$what: going on from step $step ($tries)"
done
