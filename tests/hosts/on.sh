#!/bin/bash
# Runs a command on a host of the machine room (room.sh), from inside the room:
#   on.sh HOST COMMAND...
set -eu
exec nsenter --target "$(<"$LOCKSTEP_ROOM/$1")" --net --uts --ipc --mount --wdns="$PWD" \
    "${@:2}"
