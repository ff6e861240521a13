#!/bin/bash
# One start of the run that tests/chaos.sh disturbs: chaos_start.sh COMMAND..., on ranks,
# threads and launcher by lot. CHAOS is the folder where it leaves its pid, CHAOS_SEED the
# lot. The time limit, days away, numbers the start, so that the log shows it.
set -eu
starts=("$CHAOS"/start.*)
[[ -e ${starts[0]} ]] || starts=()
number=$((${#starts[@]} + 1))
RANDOM=$((CHAOS_SEED + number))
ranks=$((1 + RANDOM % 4)) threads=$((1 + RANDOM % 2))
launchers=(mpirun scripts/launch.sh)
echo $$ >"$CHAOS/new"
mv "$CHAOS/new" "$CHAOS/start.$number"
exec "${launchers[RANDOM % 2]}" -n "$ranks" "$@" --threads "$threads" \
    --max-time $((10000 + number))
