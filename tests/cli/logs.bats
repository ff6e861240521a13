#!/usr/bin/env bats
# What a run tells: the lines of its log, progress on a terminal, metrics.csv, last.h5, JSON,
# MLPerf's lines; what is refused; and what a resume makes of them.
# Core: part of `make test`.

# 330 images in batches of 50 make 7 steps an epoch.
OPTIONS=(--set train.batch=50 --set train.epochs=2 --set log.every=100)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    train 1 "$TINY" --run whole "${OPTIONS[@]}" >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# table LOG: its lines of steps, with the head.
table() {
    grep -E '^ +(step|[0-9]+) ' "$1"
}

@test "a line says step, epoch, loss, accuracies, rate, speed and the time left" {
    [ "$(table whole.out | head -n 1 | xargs)" = \
        "step epoch loss acc % test loss test acc % lr images/s left" ]
    # a short run has a line at each evaluation
    [ "$(table whole.out | tail -n +2 | awk '{ print $1 }' | xargs)" = "7 14" ]
    table whole.out | sed -n 2p |
        grep -Eq '^ +7 +1\.00 +[0-9.]+ +[0-9.]+ +- +- +[0-9.]+ +[0-9]+ +[0-9]+ s$'
    table whole.out | sed -n 3p | grep -Eq ' 0 s$' # nothing is left at the end
    # all lines are as long as the head
    [ "$(table whole.out | awk '{ print length($0) }' | sort -u | wc -l)" -eq 1 ]
    # the columns of the evaluation repeat the newest one
    wanted=$(sed -nE 's/^eval step 7 .* loss ([0-9.]+) accuracy ([0-9.]+) %.*/\1 \2/p' whole.out)
    same_text "$wanted" "$(table whole.out | awk '$1 == 14 { print $5, $6 }')"
}

@test "log.every decides where lines are, and the columns of val have its name" {
    cp letters.h5 val.h5
    "$LOCKSTEP" data split val.h5 --val 10%
    DATA=val.h5 train 1 "$TINY" --run val "${OPTIONS[@]}" --set log.every=2 >val.out
    table val.out | head -n 1 | grep -Eq ' val loss +val acc % '
    # 304 images make 7 steps an epoch
    [ "$(table val.out | tail -n +2 | awk '{ print $1 }' | xargs)" = "2 4 6 8 10 12 14" ]
    head -n 1 val/metrics.csv | grep -q ',val_loss,val_accuracy$'
    [ "$(awk -F , 'NR > 1 { print $8 }' val/metrics.csv | xargs)" = "val val" ]
}

@test "log.detail = parallel adds the time of a step and the communication" {
    train 1 "$TINY" --run detail "${OPTIONS[@]}" --set log.detail=parallel >detail.out
    table detail.out | head -n 1 | grep -Eq ' left +ms/step +comm % +hidden %$'
    table detail.out | sed -n 2p | grep -Eq ' s +[0-9.]+ +[0-9.]+ +0\.0$'
    same_run detail.out whole.out
    refused 2 "--set: 'detail = some': expected normal | parallel" \
        train 1 "$TINY" --run never --set log.detail=some
}

@test "the micro-batch is named once in the header and once in the help" {
    [ "$(grep -c 'micro-batch (grain)' whole.out)" -eq 1 ]
    grep -q '^batch  *50 images a step; micro-batch (grain): 32 images, 2 a step$' whole.out
    [ "$("$LOCKSTEP" train --help | tr -s ' \n' ' ' | grep -o 'micro-batch (grain)' | wc -l)" -eq 1 ]
}

# on_terminal COMMAND: stdin, stdout and stderr are a terminal; what it shows.
on_terminal() {
    script -qec "$1" /dev/null </dev/null
}

@test "on a terminal there is a line of progress; NO_COLOR and TERM=dumb are honoured" {
    command -v script >/dev/null || skip "no script"
    command="'$LOCKSTEP' train '$TINY' --data letters.h5 --threads 1 --set train.epochs=300 \
        --set train.eval_every=300 --set log.every=100000"
    TERM=xterm NO_COLOR='' on_terminal "$command --run colour" >colour.out
    grep -q '\[.*\] .* step [0-9]*/[0-9]*  loss [0-9.]*  [0-9]* images/s  .* left' colour.out
    grep -q $'\033\[36m' colour.out
    grep -q $'\r\033\[K' colour.out
    TERM=xterm NO_COLOR=1 on_terminal "$command --run plain" >plain.out
    grep -Eq '\[#*-*\] +[0-9]+ %  step .* images/s  .* left' plain.out
    run ! grep -q $'\033\[3[0-9]m' plain.out
    TERM=dumb on_terminal "$command --run dumb" >dumb.out
    for log in dumb.out colour/log.txt plain/log.txt; do
        run ! grep -q $'\033' "$log"
        run ! grep -q 'images/s .* left$' <(grep -v '^ *step ' "$log")
    done
    same_state colour/log.txt plain/log.txt dumb/log.txt
}

@test "a program that is no terminal sees no progress" {
    train 1 "$TINY" --run quiet "${OPTIONS[@]}" >quiet.out 2>quiet.err
    run ! grep -q $'\033' quiet.out quiet.err quiet/log.txt
    run ! grep -q 'left$' quiet.err
}

@test "metrics.csv has what metrics.h5 has" {
    train 1 "$TINY" --run csv "${OPTIONS[@]}" --set log.every=3 >csv.out
    h5 csv/metrics.h5 <<'END'
import csv
rows = list(csv.DictReader(open("csv/metrics.csv", newline="")))
names = ("loss", "accuracy", "lr", "grad_norm", "images_per_second")
columns = ("train_loss", "train_accuracy", "lr", "grad_norm", "images_per_second")
train, test = f[0]["metrics/train"], f[0]["metrics/eval"]
lines = [row for row in rows if row["train_loss"]]
evals = [row for row in rows if row["val_loss"]]
assert [int(row["step"]) for row in rows] == [3, 6, 7, 9, 12, 14], rows
assert [int(row["step"]) for row in lines] == list(train["step"]) and len(lines) == 5
for name, column in zip(names, columns):
    assert [float(row[column]) for row in lines] == list(train[name]), name
assert [int(row["step"]) for row in evals] == list(test["step"]) == [7, 14]
assert [float(row["val_loss"]) for row in evals] == list(test["loss"])
assert [float(row["val_accuracy"]) for row in evals] == list(test["accuracy"])
assert [row["eval_split"] for row in evals] == ["test", "test"]
assert [float(row["epoch"]) for row in evals] == [1, 2]
END
}

@test "last.h5 is the newest checkpoint, also after a resume" {
    [ "$(readlink whole/last.h5)" = checkpoints/step-000000000014.h5 ]
    "$LOCKSTEP" eval whole/last.h5 --data letters.h5 | grep -q '^checkpoint whole/last.h5, step 14'
    train 1 "$TINY" --run whole --resume "${OPTIONS[@]}" --set train.epochs=3 >more.out
    [ "$(readlink whole/last.h5)" = checkpoints/step-000000000021.h5 ]
    [ "$(find whole -name '*.tmp.*' | wc -l)" -eq 0 ]
    mv whole moved
    "$LOCKSTEP" eval moved/last.h5 --data letters.h5 | grep -q ', step 21'
}

@test "a file or a link of another named last.h5 stays" {
    for kind in file link; do
        rm -rf r && mkdir r
        cp letters.h5 mine.h5
        if [ $kind = file ]; then cp mine.h5 r/last.h5; else ln -s ../mine.h5 r/last.h5; fi
        before=$(sha256sum r/last.h5 mine.h5)
        train 1 "$TINY" --run r "${OPTIONS[@]}" >r.out 2>r.err
        [ "$(grep -c "^note: 'r/last.h5' does not become a link" r.err)" -eq 1 ]
        same_text "$before" "$(sha256sum r/last.h5 mine.h5)"
        same_run r.out whole.out
    done
    mkdir r2
    echo 'my notes' >r2/metrics.csv
    refused 2 "'r2/metrics.csv' cannot be written: it is a text file, not the metrics of a run as \
a table, *" train 1 "$TINY" --run r2 "${OPTIONS[@]}"
    grep -q 'my notes' r2/metrics.csv
}

# --- --run auto ---

@test "--run auto takes the next number, and with --resume the newest run" {
    cp "$TINY" net.conf
    for name in net net-2 net-3; do
        train 1 net.conf --run auto "${OPTIONS[@]}" --set train.epochs=1 >auto.out
        grep -q "^run  *runs/$name\$" auto.out
        [ -f runs/$name/metrics.csv ]
    done
    train 1 net.conf --run auto --check | grep -q '^run  *runs/net-4$'
    [ ! -e runs/net-4 ]
    train 1 net.conf --run auto --resume "${OPTIONS[@]}" >auto.out
    grep -q "^resumed from 'runs/net-3/" auto.out
    rm -r runs/net-2 # a gap: the newest run keeps the highest number
    mkdir runs/net-10 runs/net-011 runs/net-x runs/network
    train 1 net.conf --run auto --check | grep -q '^run  *runs/net-11$'
    rmdir runs/net-10
    train 1 runs/net-3/config.conf --run auto --check | grep -q '^run  *runs/net-3-2$'
    rm -r runs
    train 1 net.conf --run auto --resume "${OPTIONS[@]}" >auto.out 2>auto.err
    grep -q "^note: no run in 'runs/net' yet: " auto.err
    [ -f runs/net/metrics.csv ]
}

@test "jobs that start at the same time get a folder each" {
    cp "$TINY" net.conf
    for i in 1 2 3 4 5; do
        train 1 net.conf --run auto "${OPTIONS[@]}" --set train.epochs=1 >"job-$i" 2>&1 &
        jobs[i]=$!
    done
    for i in 1 2 3 4 5; do wait "${jobs[i]}"; done
    [ "$(sed -n 's/^run  *//p' job-* | sort | xargs)" = \
        "runs/net runs/net-2 runs/net-3 runs/net-4 runs/net-5" ]
    for run in runs/*; do [ -f "$run/metrics.csv" ]; done
}

@test "supervise.sh refuses --run auto" {
    run "$ROOT/scripts/supervise.sh" "$LOCKSTEP" train "$TINY" --data letters.h5 --run auto
    [ "$status" -eq 2 ]
    [[ $output == *"'--run auto' would mean another folder each time"* ]]
}

# --- JSON ---

# json FILE: python; the program is stdin, `lines` are the objects.
json() {
    /usr/bin/python3 -c '
import sys, json
def bad(word):
    raise ValueError(word)
lines = [json.loads(line, parse_constant=bad) for line in open(sys.argv[1])]
exec(sys.stdin.read())' "$@"
}

@test "--json: an object a line on stdout, and the text on stderr" {
    train 1 "$TINY" --run json "${OPTIONS[@]}" --set log.every=4 --json >json.out 2>json.err
    json json.out "$(state json/log.txt)" <<'END'
kinds = [line["event"] for line in lines]
assert kinds[0] == "begin" and kinds[-1] == "end", kinds
steps = [line["step"] for line in lines if line["event"] == "interval"]
assert steps == [4, 8, 12, 14], steps
assert [line["step"] for line in lines if line["event"] == "evaluation"] == [7, 14]
begin, end = lines[0], lines[-1]
assert begin["steps"] == 14 and begin["epoch_steps"] == 7 and begin["run"] == "json"
assert begin["config"]["train.batch"] == 50 and begin["config"]["optim.kind"] == "sgd"
assert begin["config"]["checkpoint.keep_best"] is True
for line in lines:
    if line["event"] == "interval":
        assert set(line) == {"event", "step", "epoch", "loss", "accuracy", "lr", "grad_norm",
                             "images_per_second", "seconds_left"}, line
        assert line["loss"] > 0 and line["images_per_second"] > 0
evaluation = [line for line in lines if line["event"] == "evaluation"][-1]
assert evaluation["split"] == "test" and evaluation["count"] == 60
assert evaluation["accuracy"] == evaluation["correct"] / 60
assert end["outcome"] == "finished" and end["state"] == evaluation["state"] == sys.argv[2]
END
    grep -q '^finished step 14 of 14 ' json.err
    table json.err | grep -Eq '^ +14 '
    run ! grep -q '"event"' json/log.txt json.err
    refused 2 "--json is for a training, not for --check; *" \
        train 1 "$TINY" --run never --json --check
    [ ! -s <(printf %s "$output") ]
}

@test "a run whose --json has no reader any more goes on, and says so once" {
    (train 1 "$TINY" --run alone "${OPTIONS[@]}" --set log.every=1 --json 2>alone.err
        echo $? >alone.status) | head -n 1 >alone.json
    [ "$(<alone.status)" -eq 0 ]
    json alone.json <<<'assert [line["event"] for line in lines] == ["begin"]'
    [ "$(grep -c '^note: cannot write to the standard output: Broken pipe; the run goes on$' \
        alone.err)" -le 1 ]
    same_state alone/log.txt whole.out
}

@test "--json tells of a run that failed, with null for what is no number" {
    run --separate-stderr train 1 "$TINY" --run wild "${OPTIONS[@]}" --json --set optim.lr=1e5 \
        --set log.every=1
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" >wild.json
    json wild.json <<'END'
assert lines[-1]["event"] == "end" and lines[-1]["outcome"] == "failed"
END
}

# --- MLPerf ---

# The keys that mlcommons/logging wants of a training, with their checks: mlperf_logging/
# compliance_checker/training_3.1.0, common.yaml and closed_resnet.yaml, without what is said
# of accuracy and optimizers of its benchmarks.
mlperf_compliant() { # FILE
    /usr/bin/python3 - "$1" <<'END'
import json, sys
lines = []
for line in open(sys.argv[1]):
    assert line.startswith(":::MLLOG "), line
    entry = json.loads(line[9:])
    assert list(entry) == ["namespace", "time_ms", "event_type", "key", "value", "metadata"], entry
    assert entry["event_type"] in ("POINT_IN_TIME", "INTERVAL_START", "INTERVAL_END")
    assert isinstance(entry["metadata"]["file"], str) and entry["metadata"]["lineno"] > 0
    assert entry["time_ms"] > 1e12
    lines.append(entry)
by = {}
for line in lines:
    by.setdefault(line["key"], []).append(line)
for key in ("submission_org", "submission_platform", "submission_division", "submission_status",
            "submission_benchmark", "init_stop", "run_start", "run_stop", "train_samples",
            "eval_samples", "global_batch_size", "opt_name", "gradient_accumulation_steps"):
    assert len(by.get(key, [])) == 1, key
for key in ("cache_clear", "init_start", "block_start", "block_stop", "eval_start", "eval_stop",
            "eval_accuracy"):
    assert len(by.get(key, [])) >= 1, key
value = lambda key: by[key][0]["value"]
assert value("submission_org") and value("submission_platform")
assert value("submission_division") in ("closed", "open")
assert value("submission_status") in ("cloud", "onprem", "preview", "research")
assert value("global_batch_size") == 50 and value("gradient_accumulation_steps") > 0
assert value("train_samples") == 330 and value("eval_samples") == 60
order = [line["key"] for line in lines]
assert order.index("init_start") < order.index("init_stop") < order.index("run_start")
assert order.index("run_start") < order.index("block_start") and order[-1] == "run_stop"
assert by["init_stop"][0]["time_ms"] - by["init_start"][0]["time_ms"] < 240 * 60e3
assert by["run_stop"][0]["metadata"]["status"] == "success"
for line in by["block_start"]:
    assert line["metadata"]["epoch_count"] > 0 and line["metadata"]["first_epoch_num"] > 0
for line in by["block_stop"]:
    assert "first_epoch_num" in line["metadata"]
for key in ("eval_start", "eval_stop", "eval_accuracy"):
    assert [line["metadata"]["epoch_num"] for line in by[key]] == [1, 2], key
assert all(0 <= line["value"] <= 1 for line in by["eval_accuracy"])
times = [line["time_ms"] for line in lines]
assert times == sorted(times)
END
}

@test "log.mlperf: the lines that the compliance rules want, in their order" {
    train 1 "$TINY" --run resnet "${OPTIONS[@]}" --set log.mlperf=mlperf.log >out
    mlperf_compliant mlperf.log
    grep -q '"key":"submission_benchmark","value":"resnet"' mlperf.log
    same_run out whole.out
}

@test "a run that goes on appends its lines of MLPerf" {
    given=("${OPTIONS[@]}" --set log.mlperf=mlperf.log)
    train 1 "$TINY" --run parts "${given[@]}" --set train.epochs=1 >/dev/null
    sed -i '/run_stop/d' mlperf.log # as one that was killed has none
    first=$(<mlperf.log)
    train 1 "$TINY" --run parts "${given[@]}" --resume >out
    mlperf_compliant mlperf.log
    [[ $(<mlperf.log) == "$first"* ]]
    same_run parts/log.txt whole.out
}

@test "log.mlperf writes over nothing" {
    cp letters.h5 mine.h5
    cp "$TINY" mine.conf
    echo 'my notes' >notes.txt
    for file in mine.h5 mine.conf; do
        refused 2 "'$file' cannot be written: it is what is read" \
            train 1 mine.conf --data mine.h5 --run never --set "log.mlperf=$file"
    done
    for file in notes.txt letters.h5; do
        refused 2 "'$file' cannot be written: it is *, not a log of MLPerf, and is not replaced" \
            train 1 mine.conf --data mine.h5 --run never --set "log.mlperf=$file"
    done
    mkdir whole/tensorboard
    for name in log.txt metrics.csv last.h5 checkpoints/x tensorboard/x config.conf; do
        refused 2 "log.mlperf cannot be 'whole/$name': the run writes that itself" \
            train 1 mine.conf --data mine.h5 --run whole --resume --set "log.mlperf=whole/$name"
    done
    refused 2 "log.mlperf cannot be './both': the run writes that itself" \
        train 1 mine.conf --data mine.h5 --run never --set log.mlperf=./both --trace both
    refused 1 "cannot write 'none/mlperf.log': No such file or directory" \
        train 1 mine.conf --data mine.h5 --run never --set log.mlperf=none/mlperf.log
    [ ! -e never ]
    train 1 mine.conf --run once "${OPTIONS[@]}" --set log.mlperf=m.log >/dev/null
    before=$(sha256sum m.log)
    for resume in '' --resume; do
        refused 2 "'m.log' has the lines of another run; choose another file for log.mlperf" \
            train 1 mine.conf --run never $resume --set log.mlperf=m.log
    done
    same_text "$before" "$(sha256sum m.log)"
    cmp mine.h5 letters.h5
    grep -q 'my notes' notes.txt
}

# --- TensorBoard, without its reader (tests/peers/tensorboard.bats has that) ---

@test "log.tensorboard writes event files, changes no bit, and is never the end of a run" {
    train 1 "$TINY" --run board "${OPTIONS[@]}" --set log.tensorboard=on >board.out
    [ "$(find board/tensorboard -name 'events.out.tfevents.*' | wc -l)" -eq 1 ]
    [ "$(grep -ac 'brain.Event:2' board/tensorboard/events*)" -eq 1 ]
    same_run board.out whole.out
    mkdir blocked
    echo 'my notes' >blocked/tensorboard
    train 1 "$TINY" --run blocked "${OPTIONS[@]}" --set log.tensorboard=on >blocked.out 2>blocked.err
    [ "$(grep -c "^note: .*'blocked/tensorboard'.*; training goes on without these events\$" blocked.err)" -eq 1 ]
    grep -q 'my notes' blocked/tensorboard
    same_run blocked.out whole.out
}
