#!/bin/bash
# mpirun's way to other hosts, instead of ssh: rsh.sh HOST WORD... Like ssh it joins the words
# and gives them to a shell there, with the environment of a login.
set -eu
exec "$(dirname "$0")/on.sh" "$1" env -i HOME="$HOME" PATH="$PATH" \
    LOCKSTEP_ROOM="$LOCKSTEP_ROOM" TMPDIR="$LOCKSTEP_ROOM/$1.tmp" sh -c "${*:2}"
