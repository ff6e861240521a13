#!/usr/bin/env bats
# What a run tells is the same for any number of ranks, and right after kills and resumes.

OPTIONS=(--set train.batch=50 --set log.every=3 --set log.tensorboard=on)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    train 1 "$TINY" --run one "${OPTIONS[@]}" --set train.epochs=2 --json >one.json 2>one.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# without_speed RUN: metrics.csv without the column that depends on time.
without_speed() {
    cut -d , -f 1-6,8- "$1/metrics.csv"
}

# events LOG.json: the JSON lines without what depends on time, and on the ranks.
events() {
    /usr/bin/python3 -c '
import sys, json
for line in open(sys.argv[1]):
    line = json.loads(line)
    for key in "images_per_second", "seconds_left", "seconds", "run", "ranks", "threads":
        line.pop(key, None)
    line.pop("config", None)
    print(json.dumps(line))' "$1"
}

@test "metrics.csv and --json are the same on 1, 2, 3 and 4 ranks" {
    for n in 2 3 4; do
        train $n "$TINY" --run "many-$n" "${OPTIONS[@]}" --set train.epochs=2 --json \
            >"many-$n.json" 2>"many-$n.out"
        same_text "$(without_speed one)" "$(without_speed "many-$n")"
        same_text "$(events one.json)" "$(events "many-$n.json")"
        same_trace one.out "many-$n.out"
        [ "$(find "many-$n/tensorboard" -type f | wc -l)" -eq 1 ]
    done
}

@test "after a kill and a resume metrics.csv has each step once, and last.h5 leads on" {
    endless=("${OPTIONS[@]}" "${ENDLESS[@]}" --set checkpoint.every_steps=5)
    start 2 killed "$TINY" "${endless[@]}"
    until_step killed 24
    kill -KILL "${PIDS[@]}"
    ends_with 137 killed
    ends_as_undisturbed 2 killed "$TINY" "${endless[@]}"
    same_text "$(without_speed killed)" "$(without_speed calm)"
    [ "$(readlink killed/last.h5)" = "$(readlink calm/last.h5)" ]
    [ "$(find killed/tensorboard -type f | wc -l)" -eq 2 ]
}

@test "ranks of one job take one folder with --run auto" {
    cp "$TINY" net.conf
    for name in net net-2; do
        train 3 net.conf --run auto "${OPTIONS[@]}" --set train.steps=2 >auto.out
        grep -q "^run  *runs/$name\$" auto.out
        [ -f "runs/$name/metrics.csv" ]
    done
    [ "$(find runs -mindepth 1 -maxdepth 1 | sort | xargs)" = "runs/net runs/net-2" ]
}
