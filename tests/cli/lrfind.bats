#!/usr/bin/env bats
# lrfind: the learning rate range test, its table, its files, and what it refuses.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# lrfind CONFIG OPTION...
lrfind() {
    "$LOCKSTEP" lrfind "$1" --data letters.h5 --threads 1 "${@:2}"
}

# The tiny network on letters learns at rates about 0.01 and diverges before 1.
@test "a rate is suggested, the files say the same, and no run is left" {
    lrfind "$TINY" --out find.svg --out find.csv >out
    rate=$(sed -n 's/^suggested optim.lr = //p' out)
    awk -v rate="$rate" 'BEGIN { exit !(rate >= 0.001 && rate <= 0.3) }'
    grep -Eq "^stopped after step [0-9]+ of 100: the loss rose" out
    grep -q " falls most steeply$" out
    grep -q " least$" out
    [ "$(head -n 1 find.csv)" = "step,lr,loss,smoothed" ]
    last=$(sed -n 's/^stopped after step \([0-9]*\) .*/\1/p' out)
    awk -F , -v last="$last" '
        NR == 1 { next }
        NF != 4 || $1 != NR - 1 || $2 <= rate || $3 <= 0 { exit 1 }
        NR > 2 && ($2 / rate < 1.14 || $2 / rate > 1.16) { exit 1 } # 10^(6 / 99)
        { rate = $2 }
        END { exit !(NR - 1 == last) }' find.csv
    [[ $(sed -n 2p find.csv) == 1,1e-05,* ]]
    python3 - "$rate" <<'END'
import sys
import xml.etree.ElementTree as tree
root = tree.parse("find.svg").getroot()
texts = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
assert "suggested " + sys.argv[1] in texts, texts
assert "learning rate" in texts and "loss" in texts and "0.001" in texts, texts
END
    [ "$(ls)" = $'find.csv\nfind.svg\nletters.h5\nout' ]
}

@test "the rates and the number of steps are as asked for" {
    lrfind "$TINY" --from 0.001 --to 0.1 --steps 21 --out some.csv >out
    [ "$(wc -l <some.csv)" -eq 22 ]
    [[ $(sed -n 2p some.csv) == 1,0.001,* ]]
    [[ $(sed -n 12p some.csv) == 11,0.01,* ]]
    [[ $(sed -n 22p some.csv) == 21,0.1,* ]]
    [ -z "$(grep '^stopped' out)" ]
}

# The first loss is that of the first step of the training, whatever the rate.
@test "it takes the steps of the training that the options ask for" {
    local set=(--set train.batch=64 --set train.seed=3 --set augment.recipe=ink)
    train 1 "$TINY" --run run "${set[@]}" --set train.steps=1 --set log.every=1 >train.out
    lrfind "$TINY" "${set[@]}" --steps 20 --out a.csv >/dev/null || true
    loss=$(sed -nE 's/^ +1 +[0-9.]+ +([0-9.]+) .*/\1/p' train.out)
    [ "$loss" = "$(awk -F , 'NR == 2 { printf "%.4f", $3 }' a.csv)" ]
    # of weights that were trained before, all but the head
    lrfind run/config.conf --pretrained run --freeze backbone --steps 20 --out b.csv >/dev/null ||
        true
    [ "$(wc -l <b.csv)" -ge 2 ]
    other_text "$(<a.csv)" "$(<b.csv)"
    # the same and its head, by --init
    lrfind run/config.conf --init run --steps 20 --out i.csv >/dev/null || true
    other_text "$(<a.csv)" "$(<i.csv)"
    lrfind resnet20 --image-size 16 --set train.batch=16 --steps 20 --to 0.1 --out c.csv \
        >/dev/null || true
    [ "$(wc -l <c.csv)" -eq 21 ]
}

# All rates are the run's own, nearly; the share of the slow weights depends on the run's
# length. A test of more steps goes on as at its end.
@test "lookahead does what it does in the training" {
    local set=(--set train.steps=20 --set optim.lr=0.05 --set optim.lookahead=2
        --set optim.lookahead_power=1 --set optim.lookahead_alpha=0.05 --set schedule.kind=constant)
    train 1 "$TINY" --run run "${set[@]}" --set log.every=1 >train.out
    lrfind "$TINY" "${set[@]}" --from 0.05 --to 0.0500001 --steps 20 --out a.csv >/dev/null || true
    sed -nE 's/^ +([0-9]+) +[0-9.]+ +([0-9.]+) .*/\1 \2/p' train.out >wanted
    [ "$(wc -l <wanted)" -eq 20 ]
    awk 'NR == FNR { loss[$1] = $2; next }
        FNR > 1 { d = $3 - loss[$1]; if (d > 0.001 || d < -0.001) exit 1; n++ }
        END { exit n != 20 }' wanted FS=, a.csv
    lrfind "$TINY" "${set[@]}" --from 0.05 --to 0.0500001 --steps 30 --out b.csv >/dev/null || true
    [ "$(wc -l <b.csv)" -eq 31 ]
    lrfind "$TINY" "${set[@]}" --set train.steps=1000 --from 0.05 --to 0.0500001 --steps 20 \
        --out c.csv >/dev/null || true
    other_text "$(<a.csv)" "$(<c.csv)"
}

@test "where the loss does not fall, nothing is suggested" {
    refused 1 "no suggestion: the loss does not fall clearly at rates from 1e-09 to 1e-08; *" \
        lrfind "$TINY" --from 1e-9 --to 1e-8 --steps 20 --out flat.csv
    [ "$(wc -l <flat.csv)" -eq 21 ]
    # nor where the numbers go bad at once
    refused 1 "no suggestion: *" lrfind "$TINY" --set train.label_smoothing=0 --from 900 --to 1000 \
        --steps 20
}

@test "bad input is refused before anything is trained" {
    refused 2 "rates from --from 1 to --to 0.1: expected 1e-30 <= from < to <= 1000" \
        lrfind "$TINY" --from 1 --to 0.1
    refused 2 "rates from --from 0.1 to --to 0.1: *" lrfind "$TINY" --from 0.1 --to 0.1
    refused 2 "rates from --from 0 to --to 10: *" lrfind "$TINY" --from 0
    refused 2 "rates from --from 1e-05 to --to 1e+06: *" lrfind "$TINY" --to 1e6
    refused 2 "rates from --from 1e-300 to --to 10: *" lrfind "$TINY" --from 1e-300
    refused 2 "*--from*" lrfind "$TINY" --from fast
    refused 2 "'--steps 19': expected a whole number from 20 to 100000" lrfind "$TINY" --steps 19
    refused 2 "no file and no network is named 'resnet81'*" lrfind resnet81
    refused 2 "*no-such.conf*" lrfind no-such.conf
    refused 2 "'--out a.png': expected a name that ends with .svg or .csv" \
        lrfind "$TINY" --out a.png
    refused 2 "'--out .svg': expected *" lrfind "$TINY" --out .svg
    refused 1 "cannot write 'no/a.svg': there is no folder 'no'" lrfind "$TINY" --out no/a.svg
    refused 2 "*unknown option*--epochs*" lrfind "$TINY" --epochs 3
    refused 2 "--set: unknown key 'rate' in \[optim\]*" lrfind "$TINY" --set optim.rate=3
    echo 'some text' >a.svg
    refused 2 "'a.svg' cannot be written: it is *, not an SVG image, and is not replaced" \
        lrfind "$TINY" --out a.svg --force
    [ "$(<a.svg)" = 'some text' ]
    refused 2 "'--out ././c.csv': the same file twice" \
        lrfind "$TINY" --out c.csv --out d.svg --out ././c.csv
    refused 2 "--pretrained and --init exclude each other*" \
        lrfind "$TINY" --init none --pretrained none
    [ ! -e c.csv ] && [ ! -e d.svg ]
    lrfind "$TINY" --steps 20 --from 0.001 --to 1 --out b.svg --out b.csv >/dev/null
    refused 2 "'b.svg' exists already; use --force to replace it" lrfind "$TINY" --out b.svg
    lrfind "$TINY" --steps 20 --from 0.001 --to 1 --out b.svg --out b.csv --force >/dev/null
}
