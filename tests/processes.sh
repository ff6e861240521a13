# shellcheck shell=bash
# Sourced: questions about processes, by pid.

# family PID: it and all its descendants, parents first.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do family "$child"; done
}

# alive PID: the process exists and is no zombie.
alive() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

dead() {
    ! alive "$1"
}

# signal_in PID SIGNAL SET...: whether the signal is in one of these sets of the process:
# Cgt (it has a handler), Blk (blocked), Pnd (pending).
signal_in() {
    local number mask sets
    number=$(kill -l "$2")
    sets=$(IFS='|' && echo "${*:3}")
    for mask in $(sed -nE "s/^(Sig|Shd)($sets):[[:space:]]*//p" "/proc/$1/status"); do
        ((0x$mask >> (number - 1) & 1)) && return
    done
    return 1
}

# replaced PID: the process has called exec. Until then it has the handlers and the command
# line of the process that forked it.
replaced() {
    local parent
    parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status") &&
        ! cmp -s "/proc/$1/cmdline" "/proc/$parent/cmdline"
}

# takes PID SIGNAL: the program of the process handles or blocks SIGNAL, so that it survives
# it.
takes() {
    replaced "$1" 2>/dev/null && signal_in "$1" "$2" Cgt Blk 2>/dev/null
}

# handled PID SIGNAL: SIGNAL is no longer pending.
handled() {
    ! signal_in "$1" "$2" Pnd
}

# all_stopped PID...: these processes are stopped.
all_stopped() {
    local pid
    for pid; do grep -qs '^State:[[:space:]]*T' "/proc/$pid/status" || return; done
}

# poll COMMAND...: repeats it until it succeeds. It gives up after two minutes, or after
# POLL_SECONDS.
poll() {
    local end=$((SECONDS + ${POLL_SECONDS:-120}))
    until "$@"; do
        ((SECONDS < end)) || { echo "never true: $*" && return 1; }
        sleep 0.02
    done
}

# faults FAULT...: sets FAULTY, to be put in front of a command: then its system calls fail as
# `strace -e inject=` says, CALL:error=ERRNO[:when=NUMBERS]. The file faults.strace tells
# which did. Skips the test where processes cannot be traced.
faults() {
    local fault failing=()
    need_trace
    for fault; do failing+=("${fault%%:*}"); done
    FAULTY=(strace -f --seccomp-bpf -qq -A -o "$PWD/faults.strace"
        -e "trace=$(IFS=, && echo "${failing[*]}")")
    for fault; do FAULTY+=(-e "inject=$fault"); done
}

need_trace() {
    strace -qq -o /dev/null -e trace=none true 2>/dev/null || skip "cannot trace"
}
