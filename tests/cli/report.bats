#!/usr/bin/env bats
# lockstep report: pages about runs that need no other file. tests/web looks at them in a browser.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 205
    train 1 "$TINY" --run one --set train.epochs=3 --set log.every=4 >one.out
    train 2 "$TINY" --run two --set train.epochs=2 --set log.every=4 --set optim.lr=0.01 >two.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# parse FILE: prints "ok" and the page's text without tags; fails if the tags do not match.
parse() {
    /usr/bin/python3 - "$1" <<'END'
import sys
from html.parser import HTMLParser
text = open(sys.argv[1], encoding="utf-8").read()
assert text.startswith("<!DOCTYPE html>")
for outside in "http://", "https://", "<link", "src=\"/", "url(":
    found = [i for i in range(len(text)) if text.startswith(outside, i)]
    assert all(text[i:].startswith("http://www.w3.org/2000/svg") for i in found), outside
class Page(HTMLParser):
    free = {"meta", "img", "br", "tr", "td", "th"}  # may stay open
    def __init__(self):
        super().__init__()
        self.open, self.words = [], []
    def handle_starttag(self, tag, attrs):
        if tag not in self.free:
            self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in self.free:
            assert self.open.pop() == tag, (tag, self.getpos())
    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
page = Page()
page.feed(text)
assert page.open == [], page.open
print("ok", " ".join(" ".join(page.words).split()))
END
}

@test "a page tells what was trained, how it went, and which classes are taken for others" {
    "$LOCKSTEP" report one >out
    grep -qx 'report: one/report.html' out
    parse one/report.html >text
    for words in 'finished' 'What was trained' "lockstep train $TINY" 'learning rate' \
        'norm of the gradient' 'balanced accuracy' 'The most confident mistakes' \
        'Where the time went' 'backward' 'all keys' '[optim]'; do
        grep -Fq "$words" text
    done
    "$LOCKSTEP" eval one >eval.out
    accuracy=$(sed -nE 's/^accuracy ([0-9.]+) % .*/\1/p' eval.out)
    grep -Fq "accuracy $accuracy %" text
    page_state=$(state one.out)
    grep -Fq "$page_state" text
    # a row for each class, as eval has it; 24 pictures, each a PNG of 28 x 28
    read -r class images answers precision recall f1 < <(grep -E '^  Q ' eval.out)
    grep -Fq "$class $images $answers $precision $recall $f1" text
    /usr/bin/python3 - <<'END'
import base64, io, re
from PIL import Image
pictures = re.findall(r'src="data:image/png;base64,([^"]*)"', open("one/report.html").read())
assert len(pictures) == 24
for data in pictures:
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == (28, 28) and image.mode == "L"
END
}

@test "mistakes are those with the largest probability, on any ranks" {
    "$LOCKSTEP" report one --mistakes 5 --out a.html >/dev/null
    mpirun -n 3 "$LOCKSTEP" report one --mistakes 5 --out b.html >/dev/null </dev/null
    cmp a.html b.html
    "$LOCKSTEP" eval one --out answers/ >/dev/null
    /usr/bin/python3 - <<'END'
import csv, re
rows = [r for r in csv.DictReader(open("answers/predictions.csv")) if r["label"] != r["predicted"]]
rows.sort(key=lambda r: -float(r["probability"]))
said = re.findall(r"<b>(.) ([0-9.]+) %</b><br>is (.)<", open("a.html").read())
assert len(said) == 5
for row, (predicted, p, label) in zip(rows, said):
    assert abs(100 * float(row["probability"]) - float(p)) < 0.06
    same = [(r["predicted"], r["label"]) for r in rows if r["probability"] == row["probability"]]
    assert (predicted, label) in same, (predicted, label, same)
END
}

@test "without answers, and without the data set, the rest is there" {
    "$LOCKSTEP" report one --mistakes 0 --out none.html >/dev/null
    parse none.html | grep -Fq 'They were not asked for.'
    mv letters.h5 moved.h5
    "$LOCKSTEP" report one --out gone.html >/dev/null 2>err
    grep -q "^note: the page has no answers: 'one' was trained on 'letters.h5', which" err
    parse gone.html | grep -Fq "'one' was trained on 'letters.h5', which is not here"
    "$LOCKSTEP" report one --data moved.h5 --out there.html >/dev/null
    parse there.html | grep -Fq 'macro F1'
    refused 1 "cannot open 'none.h5': *" "$LOCKSTEP" report one --data none.h5 --out there.html
    parse there.html | grep -Fq 'macro F1'
}

@test "several runs are compared: results, curves and the keys that differ" {
    "$LOCKSTEP" report one two >out
    grep -qx 'report: ./report.html' out
    parse report.html >text
    one_state=$(state one.out)
    two_state=$(state two.out)
    for words in '2 runs' 'accuracy of evaluations' 'optim.lr' '0.01' 'train.epochs' \
        "$one_state" "$two_state"; do
        grep -Fq "$words" text
    done
    run ! grep -Fq 'train.batch' text
}

@test "runs lists them, with the keys that differ" {
    mkdir all
    mv one two all
    mkdir all/notes all/broken all/broken/checkpoints
    "$LOCKSTEP" runs all >table 2>err
    [ "$(wc -l <table)" -eq 3 ]
    cat table
    grep -Eq '^  one +accuracy [0-9.]+ % +[0-9]+ +18 +finished +20[0-9-]+ [0-9:]+ .*optim.lr=0.05' table
    grep -Eq '^  two .* finished .*train.epochs=2 .*optim.lr=0.01' table
    run ! grep -q 'train.batch' table
    grep -q "^note: 'all/broken' holds no checkpoint" err
    refused 1 "'all/notes' holds no run that can be read" "$LOCKSTEP" runs all/notes
    refused 1 "cannot read folder 'runs': *" "$LOCKSTEP" runs
}

@test "a refused resume does not change what runs says; a stopped run has its whole length" {
    mkdir all
    cp -r one all/
    "$LOCKSTEP" runs all >before
    grep -Eq '^ *one .* finished ' before
    refused 2 "cannot resume: *" train 1 "$TINY" --run all/one --resume --set train.epochs=3 \
        --set log.every=4 --set train.batch=50
    "$LOCKSTEP" runs all | sed 's/20[0-9-]* [0-9:]*//' | diff - <(sed 's/20[0-9-]* [0-9:]*//' before)
    total=$(sed -nE 's/^finished step [0-9]+ of ([0-9]+) .*/\1/p' one/log.txt)
    [ "$(awk '$1 == "one"' before | grep -cw "$total")" -eq 1 ]
}

@test "a run at work has a report" {
    train 1 "$TINY" --run busy --set train.epochs=5 --set train.steps=7 --set log.every=1 >/dev/null
    sed -i '/^stopped step/d;/^finished step/d' busy/log.txt
    "$LOCKSTEP" report busy >/dev/null
    parse busy/report.html | grep -Fq 'not ended'
}

@test "names with signs of HTML in them do no harm" {
    mv one 'a<b>&"c'
    "$LOCKSTEP" report 'a<b>&"c' >/dev/null
    parse 'a<b>&"c/report.html' | grep -Fq 'a<b>&"c'
}

@test "what is no run is refused, and no other file is replaced" {
    refused 2 "'letters.h5' is not the folder of a run" "$LOCKSTEP" report letters.h5
    mkdir empty
    refused 1 "'empty' holds no checkpoint" "$LOCKSTEP" report empty
    echo precious >page.html
    refused 2 "*page.html*" "$LOCKSTEP" report one --out page.html
    same_text "$(<page.html)" precious
    refused 2 "*letters.h5*" "$LOCKSTEP" report one --out letters.h5
    "$LOCKSTEP" report one --mistakes 0 --out again.html >/dev/null
    "$LOCKSTEP" report one two --out again.html >/dev/null
    refused 1 "cannot write 'no/such.html': *" "$LOCKSTEP" report one --out no/such.html
    refused 2 "--data, --mistakes and --threads are for the report of one run" \
        "$LOCKSTEP" report one two --mistakes 3
    refused 2 "--mistakes 0 answers no images: *" "$LOCKSTEP" report one --mistakes 0 --data letters.h5
}

@test "groups that differ are told" {
    cp -r one other
    train 1 "$TINY" --run other2 --set train.epochs=3 --set log.every=4 \
        --set 'group head.match=head' --set 'group head.lr=10' >/dev/null
    "$LOCKSTEP" report one other2 --out groups.html >/dev/null
    parse groups.html >text
    grep -Fq 'groups' text
    grep -Fq 'match = head' text
}

# A folder without train and test is divided by the training; its report and eval divide it so.
@test "a run of a folder, with class names of every kind, is measured as it was trained" {
    "$LOCKSTEP" data export letters.h5 out >/dev/null
    mkdir pics
    mv out/train/A 'pics/<b>&"A"'
    mv out/train/B "pics/$(printf '\xf0\x9f\x98\x80%.0s' {1..20})"
    mv out/train/C "pics/$(printf 'C\xc3\xa9%.0s' {1..20})"
    DATA=pics train 1 "$TINY" --run folder --set train.epochs=3 --set data.val=0.2 >folder.out
    images=$(sed -nE 's/^eval step .* \([0-9]+ of ([0-9]+)\).*/\1/p' folder.out | tail -n 1)
    "$LOCKSTEP" eval folder --split val >val.out
    grep -q "^data       pics, $images val images" val.out
    "$LOCKSTEP" eval folder >test.out
    grep -Eq '^data       pics, [0-9]+ test images' test.out
    "$LOCKSTEP" report folder >/dev/null
    parse folder/report.html >text
    grep -Fq "The best weights on the $images val images of pics" text
    grep -Fq '<b>&"A"' text
}

@test "images with several classes have a page, too" {
    "$LOCKSTEP" data export letters.h5 out >/dev/null
    (echo path,label
     cd out && find train -name '*.png' | sort | awk -F/ '{ print "out/" $0 "," ($2 < "M" ? $2 ";low" : $2) }') >sets.csv
    sed 's/logsoftmax/logsigmoid/' "$TINY" >sets.conf
    DATA=sets.csv train 1 sets.conf --run sets --set train.epochs=2 >/dev/null
    "$LOCKSTEP" report sets >/dev/null
    parse sets/report.html >text
    grep -Fq 'average precision' text
    grep -Fq 'most confident mistakes' text
}
