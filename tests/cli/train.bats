#!/usr/bin/env bats
# What a run prints and writes: header, table, log lines, phases, confusions, files; how it
# ends on bad numbers and on Ctrl-C.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 200
    train 1 "$TINY" --run run --set optim.kind=adamw --set optim.lr=0.003 \
        --set train.ema=0.9 --set train.epochs=4 --set log.every=4 >out 2>err
    train 2 "$TINY" --run two --set train.epochs=2 --set optim.momentum=0.5 >two.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

@test "the header names the command, ranks, CPUs, libraries, data and config" {
    cat out
    grep -Eq '^lockstep [0-9]+\.[0-9]+' out
    grep -Fq "command    lockstep train $TINY --data letters.h5 --threads 1 --run run" out
    grep -Eq "^parallel   1 rank x 1 thread on $(hostname -s), CPUs [0-9]" out
    grep -Eq '^parallel   2 ranks x 1 thread on ' two.out
    grep -Eq '^cpu        .+, (plain|v2|v3|v4) kernels$' out
    grep -Eq '^libraries  OpenBLAS [0-9.]+ .*one thread per call; Open MPI [0-9.]+$' out
    grep -Eq '^data       letters.h5: 600 train \+ 200 test images 28x28, 26 classes, in memory, hash [0-9a-f]{16}$' out
    grep -Eq '^config     .* train.epochs=4 .*train.ema=0.9 .*optim.kind=adamw optim.lr=0.003 ' out
    [ "$(grep -c 'augment' out)" -eq 0 ]
    grep -q '^run        run$' out
}

@test "the parameters in the network's table add up" {
    awk '$1 == "layer" { on = 1; next } on && $1 == "total" { print (sum == $3); exit }
        on && NF >= 3 && $3 ~ /^[0-9]+$/ { sum += $3 }' out | grep -qx 1
    grep -Eq '^ +conv1 +24x24x8 +208 ' out
    grep -Eq '^ +linear1 +26 +13338 ' out
    grep -Eq '^ +total +26 +13546 ' out
}

@test "log lines have one width and come at the right steps" {
    awk '$1 == "step" && $2 == "epoch" { head = length($0) }
        head && /^ +[0-9]+ +[0-9.]+ +[0-9.]+ / { n++; if (length($0) != head) bad++; steps = steps " " $1 }
        END { print n, bad + 0 ":" steps }' out >lines
    cat lines
    [ "$(<lines)" = "6 0: 4 8 12 16 20 24" ]
    [ "$(grep -cE '^eval step [0-9]+ epoch [0-9.]+ loss [0-9.]+ accuracy [0-9.]+ % \([0-9]+ of 200\) state=[0-9a-f]{16}$' out)" -eq 4 ]
    grep -Eq '^finished step 24 of 24 epoch 4.00 in [0-9.]+ s best accuracy [0-9.]+ % \(step [0-9]+\) state=[0-9a-f]{16}$' out
    grep -q '^run: run (.*); next: lockstep eval run --data letters.h5$' out
    same_text "$(state out)" "$(grep '^eval step 24' out | sed 's/.*state=//')"
}

@test "training improves loss and accuracy" {
    h5 run/metrics.h5 <<'END'
loss = f[0]["metrics/eval/loss"][:]
assert f[0]["metrics/eval/accuracy"][-1] > 0.3 and loss[-1] < loss[0] < 3.3
END
}

@test "the shares of the phases add up to 100 %" {
    for file in out two.out; do
        awk '$1 == "phase" { on = 1; next }
            $1 == "load" && $2 == "wait" { $1 = "load-wait"; $2 = ""; $0 = $0 "" }
            on && $1 == "total" { print n, (sum > 99.5 && sum < 100.5), $3; exit }
            on { sum += $3; n++; if ($3 < 0) exit }' $file >phases
        cat phases
        grep -Eqx '9 1 (100\.0|99\.9|100\.1)' phases
    done
    awk '$1 == "forward" { print $4 }' two.out | grep -qx '[01]'
}

@test "the most frequent confusions are listed" {
    sed -n '/^confusions/,/^$/p' out | sed '1,2d;$d' >pairs
    [ "$(wc -l <pairs)" -eq 6 ]
    h5 run/metrics.h5 <<'END'
table = f[0]["metrics/eval/confusion"][-1]
pairs = [(-table[i, j], i, j) for i in range(26) for j in range(26) if i != j]
names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
want = ["%s %s %d %d" % (names[i], names[j], -n, table[i].sum())
        for n, i, j in sorted(pairs)[:6]]
assert [" ".join(line.split()) for line in open("pairs")] == want, want
END
}

@test "log.txt holds what was printed" {
    grep -v '^note: ' run/log.txt | cmp - out
    grep '^note: ' run/log.txt >notes || :
    cmp notes err
    [ "$(grep -c $'\r' out)" -eq 0 ]
}

@test "h5py reads a checkpoint with the documented names, shapes and types" {
    h5 run/checkpoints/step-000000000024.h5 <<'END'
shapes = {"conv1/weight": (8, 1, 5, 5), "conv1/bias": (8,),
          "linear1/weight": (26, 512), "linear1/bias": (26,)}
groups = ["weights", "ema", "optimizer/m", "optimizer/v"]
for group in groups:
    for name, shape in shapes.items():
        array = f[0][group + "/" + name]
        assert array.shape == shape and array.dtype == np.float32, (group, name)
        assert np.isfinite(array[:]).all()
        assert array.chunks is None and array.compression is None
found = set()
f[0].visititems(lambda name, item: found.update(
    [name] if isinstance(item, h5py.Dataset) else []))
want = {g + "/" + n for g in groups for n in shapes}
want |= {"metrics/train/" + n for n in
         ("step", "loss", "accuracy", "lr", "grad_norm", "images_per_second")}
want |= {"metrics/eval/" + n for n in ("step", "loss", "accuracy", "confusion")}
assert found == want, found ^ want
attrs = f[0].attrs
assert attrs["step"] == 24 and attrs["epoch"] == 4.0
assert attrs["height"] == 28 and attrs["width"] == 28
assert [c.decode() for c in attrs["classes"]] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
assert attrs["format"] == b"lockstep-checkpoint" and attrs["format_version"] == 1
for name in ("config", "lockstep", "mpi", "blas", "isa", "state", "data_hash",
             "content_hash", "mean", "std"):
    assert name in attrs, name
END
    stored=$(h5 run/checkpoints/step-000000000024.h5 <<<'print(f[0].attrs["state"].decode())')
    same_text "$stored" "$(state out)"
}

@test "h5py reads the whole logged history from metrics.h5" {
    h5 run/metrics.h5 <<'END'
train, evals = f[0]["metrics/train"], f[0]["metrics/eval"]
assert f[0].attrs["format"] == b"lockstep-metrics"
assert train["step"][:].tolist() == [4, 8, 12, 16, 20, 24]
assert train["step"].dtype == np.uint64 and evals["step"].dtype == np.uint64
for name in ("loss", "accuracy", "lr", "grad_norm", "images_per_second"):
    assert train[name].shape == (6,) and train[name].dtype == np.float64
    assert (train[name][:] > 0).all()
assert evals["step"][:].tolist() == [6, 12, 18, 24]
confusion = evals["confusion"]
assert confusion.shape == (4, 26, 26) and confusion.dtype == np.int32
assert (confusion[:].sum((1, 2)) == 200).all()
for line in open("out"):
    word = line.split()
    if line.startswith("eval step"):
        i = evals["step"][:].tolist().index(int(word[2]))
        assert abs(evals["loss"][i] - float(word[6])) < 6e-5
        assert abs(100 * evals["accuracy"][i] - float(word[8])) < 6e-3
    elif len(word) >= 8 and word[0].isdigit():
        i = train["step"][:].tolist().index(int(word[0]))
        assert abs(train["loss"][i] - float(word[2])) < 6e-5
END
}

@test "h5dump reads checkpoints and metrics" {
    for file in run/checkpoints/{best,step-000000000024}.h5 run/metrics.h5; do
        h5dump "$file" >dump 2>dump.err
        [ ! -s dump.err ]
        grep -q '"confusion"' dump
    done
    h5dump -d /weights/conv1/weight run/checkpoints/best.h5 | grep -q '( 8, 1, 5, 5 )'
    h5dump -a /config run/checkpoints/best.h5 | grep -q 'kind = adamw'
}

@test "ranks without work and threads without CPUs are named" {
    train 3 "$TINY" --run idle --set train.batch=40 --set train.steps=2 >idle.out 2>idle.err
    cat idle.err
    grep -q '^note: 3 ranks but only 2 grains in a batch: 1 rank without work; raise train.batch or lower train.grain$' idle.err
    many=$(($(nproc) + 3))
    train 1 "$TINY" --run many --set train.steps=2 --threads $many >many.out 2>many.err
    cat many.err
    grep -Eq "^note: $many threads .* on the [0-9]+ CPUs of .*--threads [0-9]+" many.err
    grep -Eq "^parallel   1 rank x $many threads on " many.out
    [ "$(grep -c 'CPUs of' err)" -eq 0 ]
}

@test "without --run the folder is named after the config; without a test set nothing is evaluated" {
    "$LOCKSTEP" data synth --train 260 --test 0 --out train-only.h5
    train 1 "$TINY" --data train-only.h5 --set train.steps=7 >only.out 2>only.err
    cat only.err
    grep -q "^note: 'train-only.h5' has no val and no test images: no evaluation" only.err
    [ "$(grep -c '^eval' only.out)" -eq 0 ]
    grep -q '^finished step 7 of 7 ' only.out
    [ -f runs/tiny/checkpoints/step-000000000007.h5 ]
    [ ! -e runs/tiny/checkpoints/best.h5 ]
}

@test "bad numbers stop the run, layer and step are named, the last checkpoint is good" {
    # twelve good steps at a steady rate, then an absurd rate
    wild=(--set schedule.kind=step --set schedule.step_every=2 --set train.epochs=9)
    train 1 "$TINY" --run wild "${wild[@]}" --set train.steps=12 >wild-1.out
    run train 2 "$TINY" --run wild "${wild[@]}" --set optim.lr=1e6 --set schedule.gamma=1 \
        --resume
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -cE "^lockstep: step 1[3-9]: (loss is|the gradient is) .*layer '(conv1|maxpool1|gelu1|flatten1|linear1|logsoftmax1)'; lower optim.lr or set train.clip" <<<"$output")" -eq 1 ]
    cp -r wild tame
    train 1 "$TINY" --run tame "${wild[@]}" --set train.steps=14 --resume >tame.out
    grep -q 'step 12 of 14$' tame.out
    grep -q '^finished step 14 of 14 ' tame.out
    grep -q "bad numbers\|not finite" wild/log.txt
    [ "$(ls wild/checkpoints)" = "$(printf '%s\n' best.h5 step-0000000000{06,12}.h5)" ]
    "$LOCKSTEP" eval wild/checkpoints/step-000000000012.h5 --data letters.h5 >good.out
    grep -Eq '^accuracy [1-9][0-9.]* %' good.out
}

# alone RUN OPTION...: one rank without mpirun, in the background, without an end.
alone() {
    "$LOCKSTEP" train "$TINY" --data letters.h5 --threads 1 "${ENDLESS[@]}" --run "$@" \
        >"$1.out" 2>"$1.err" 3>&- &
    JOB=$! PIDS=()
}

@test "Ctrl-C once saves a checkpoint and ends with 75" {
    alone ctrl-c --set log.every=2
    until_step ctrl-c 8
    kill -INT $JOB
    ends_with 75 ctrl-c
    tail -n 3 ctrl-c.out
    grep -q '^stopped on request; the same command with --resume goes on$' ctrl-c.out
    step=$(sed -nE 's/^stopped step ([0-9]+) of [0-9]+ .*/\1/p' ctrl-c.out)
    [ -f "$(printf 'ctrl-c/checkpoints/step-%012d.h5' "$step")" ]
    grep -q '^where the time went' ctrl-c.out
    ends_as_undisturbed 1 ctrl-c "$TINY" --set log.every=2
}

@test "Ctrl-C twice ends at once, and the run can be resumed" {
    alone twice --set train.batch=600 --set log.every=1 --set checkpoint.every_steps=1
    until_step twice 3 # the checkpoint of step 2 waited until that of step 1 was written
    kill -INT $JOB
    kill -INT $JOB
    ends_with '@(130|75)' twice
    train 1 "$TINY" --run twice --set train.batch=600 --set train.steps=1 --resume >more.out
    grep -Eq "^resumed from 'twice/checkpoints/step-0*([0-9]+).h5'" more.out
}

@test "Ctrl-C under mpirun loses nothing" {
    start 2 ctrl "$TINY" --set log.every=2 "${ENDLESS[@]}"
    until_step ctrl 8
    kill -INT $JOB
    ends_with '[1-9]*' ctrl
    ends_as_undisturbed 1 ctrl "$TINY" --set log.every=2
}

@test "--set model.name= is another network, --autotune the plan of threads" {
    "$LOCKSTEP" train --data letters.h5 --threads 1 --run bare --autotune off --set train.steps=1 \
        --set " model.name = $TINY" >bare.out
    train 1 none.conf --run named --autotune off --set train.steps=1 --set "model.name=$TINY" >named.out
    train 1 "$TINY" --run plain --tune=off --set train.steps=1 >plain.out
    same_state named.out plain.out bare.out
    refused 2 "plan of threads 'maybe': *" train 1 "$TINY" --run never --autotune maybe
}
