#!/bin/bash
# One start of the run that tests/chaos.sh disturbs: chaos_start.sh COMMAND..., on ranks and
# threads by lot. CHAOS is the folder where it leaves word (its pid becomes mpirun's) and
# CHAOS_SEED the lot. The time limit, days away, numbers the start: the log shows it.
set -eu
starts=("$CHAOS"/start.*)
[[ -e ${starts[0]} ]] || starts=()
number=$((${#starts[@]} + 1))
RANDOM=$((CHAOS_SEED + number))
ranks=$((1 + RANDOM % 4)) threads=$((1 + RANDOM % 2))
echo "$$ $ranks $threads" >"$CHAOS/start.new"
mv "$CHAOS/start.new" "$CHAOS/start.$number"
exec mpirun -n "$ranks" "$@" --threads "$threads" --max-time $((10000 + number))
