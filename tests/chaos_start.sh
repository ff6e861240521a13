#!/bin/bash
# One start of the run that tests/chaos.sh disturbs: chaos_start.sh COMMAND..., with random
# ranks, threads and launcher. CHAOS is the folder where it leaves its pid, CHAOS_SEED the
# seed. The time limit, hours away, numbers the start, so that the log shows it. The run has
# no end until CHAOS/last exists: then CHAOS/steps gets a step after the newest checkpoint.
set -eu
source scripts/progress.sh
starts=("$CHAOS"/start.*)
[[ -e ${starts[0]} ]] || starts=()
number=$((${#starts[@]} + 1))
RANDOM=$((CHAOS_SEED + number))
ranks=$((1 + RANDOM % 4)) threads=$((1 + RANDOM % 2))
launchers=(mpirun scripts/launch.sh)
steps=1000000000
if [[ -e $CHAOS/last ]]; then
    [[ -e $CHAOS/steps ]] || echo $(($(newest_step "$1" "$CHAOS/chaos") + 100)) >"$CHAOS/steps"
    steps=$(<"$CHAOS/steps")
fi
echo $$ >"$CHAOS/new"
mv "$CHAOS/new" "$CHAOS/start.$number"
exec "${launchers[RANDOM % 2]}" -n "$ranks" "$@" --threads "$threads" \
    --set "train.steps=$steps" --max-time $((10000 + number))
