# shellcheck shell=bash
# Sourced: what tests ask of processes, by pid.

# family PID: it and all its descendants, each before its own.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do family "$child"; done
}

# alive PID: it is there and no zombie.
alive() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

dead() {
    ! alive "$1"
}

# signal_in PID SIGNAL SET...: is it in one of these sets of the process: Cgt (it has a
# handler), Blk (it waits), Pnd (for it to be let in)?
signal_in() {
    local number mask sets
    number=$(kill -l "$2")
    sets=$(IFS='|' && echo "${*:3}")
    for mask in $(sed -nE "s/^(Sig|Shd)($sets):[[:space:]]*//p" "/proc/$1/status"); do
        ((0x$mask >> (number - 1) & 1)) && return
    done
    return 1
}

# Will lockstep, or whatever it is, live on after SIGNAL? (PID SIGNAL)
takes() {
    signal_in "$1" "$2" Cgt Blk 2>/dev/null
}

# Has SIGNAL, which was sent, arrived? (PID SIGNAL)
handled() {
    ! signal_in "$1" "$2" Pnd
}

# poll COMMAND...: until it succeeds, for a minute.
poll() {
    local end=$((SECONDS + 60))
    until "$@"; do
        ((SECONDS < end)) || break
        sleep 0.02
    done
    ((SECONDS < end)) && return
    echo "in vain: $*"
    return 1
}
