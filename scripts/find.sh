# shellcheck shell=bash
# Sourced by scripts that start lockstep or ask it something.

# find_lockstep ROOT: $LOCKSTEP, or the program of this tree, of the installation that ROOT
# belongs to, or of $PATH.
find_lockstep() {
    local path
    for path in "${LOCKSTEP-}" "$1/build/lockstep" "$1/../../bin/lockstep"; do
        [[ -f $path && -x $path ]] && realpath "$path" && return
    done
    command -v lockstep
}
