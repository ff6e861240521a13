#!/usr/bin/env bats
# Reports in a browser, Debian's chromium without a window: no error, legible texts that fit
# into the width of a desk and of a phone, light and dark, tables that sort.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    command -v chromium >/dev/null || return 0
    letters letters.h5 1200 400
    train 1 "$LETTERS" --run one --set train.epochs=3 --set log.every=2 >/dev/null
    train 1 "$LETTERS" --run two --set train.epochs=3 --set log.every=2 --set optim.lr=0.0005 >/dev/null
    source "$ROOT/tests/cifar.sh"
    cifar cifar.h5 || tinted cifar.h5 32x32 240 4 train=600 val=120 test=80
    mpirun -n 2 "$LOCKSTEP" train "$ROOT/configs/cifar-small.conf" --data cifar.h5 --run photos \
        --set train.epochs=1 --set log.every=1 --set train.steps=12 --threads 1 >/dev/null </dev/null
    "$LOCKSTEP" report photos >/dev/null
    "$LOCKSTEP" report one >/dev/null
    "$LOCKSTEP" report one two >/dev/null
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    command -v chromium >/dev/null || skip "no chromium: type 'scripts/setup.sh web'"
}

# browse WIDTH PAGE OPTION...: stdout is chromium's; fails if the page writes to the console.
browse() {
    timeout 120 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$PWD/profile" --enable-logging=stderr --window-size="$1,1400" \
        "${@:3}" "file://$PWD/$2" 2>browser.err
    run ! grep CONSOLE browser.err
}

# probe WIDTH PAGE SCRIPT: the text that the script leaves in the page's title.
probe() {
    {
        sed '/^<\/body>/,$d' "$2"
        printf '<script>addEventListener("load",()=>{%s})</script>\n</body>\n</html>\n' "$3"
    } >probe.html
    browse "$1" probe.html --virtual-time-budget=2000 --dump-dom |
        sed -n 's|.*<title>\(.*\)</title>.*|\1|p' | head -n 1
}

# A page that is wider than its window would have to be scrolled.
@test "pages are as wide as the window, of a desk and of a phone" {
    for page in one/report.html photos/report.html report.html; do
        for width in 1000 500; do # chromium's windows have 500 pixels at least
            wide=$(probe $width $page 'document.title=document.documentElement.scrollWidth-innerWidth')
            echo "$page at $width: $wide"
            [ "$wide" -le 0 ]
        done
        wide=$(probe 1000 $page "document.body.style.width='360px';document.title=Math.max(...[...document.querySelectorAll('body>*')].map(e=>e.getBoundingClientRect().right))-document.body.getBoundingClientRect().right")
        echo "$page in 360: $wide"
        [ "${wide%.*}" -le 0 ]
    done
}

@test "all texts are there, and none is tiny" {
    browse 1000 one/report.html --dump-dom >dom
    for words in 'Where the time went' 'The most confident mistakes' 'macro F1' 'evaluation'; do
        grep -Fq "$words" dom
    done
    size=$(probe 1000 one/report.html "document.title=Math.min(...[...document.querySelectorAll('p,td,th,figcaption,svg text')].map(e=>parseFloat(getComputedStyle(e).fontSize)))")
    [ "${size%.*}" -ge 10 ]
}

@test "photographs are shown in colour" {
    browse 1000 photos/report.html --dump-dom >dom
    for words in 'The most confident mistakes' 'expected calibration error' 'Confusions'; do
        grep -Fq "$words" dom
    done
    count=$(probe 1000 photos/report.html "document.title=[...document.images].filter(i=>i.complete&&i.naturalWidth===32&&i.naturalHeight===32).length")
    echo "$count pictures"
    [ "$count" -ge 4 ]
    colour=$(probe 1000 photos/report.html "const c=document.createElement('canvas'),x=c.getContext('2d');c.width=c.height=32;x.drawImage(document.images[0],0,0);const d=x.getImageData(0,0,32,32).data;let n=0;for(let i=0;i<d.length;i+=4)n+=d[i]!==d[i+1]||d[i]!==d[i+2];document.title=n")
    echo "$colour coloured pixels"
    [ "$colour" -gt 100 ]
}

@test "a click on a head sorts the rows, and again the other way" {
    click="const t=document.querySelector('table:not(.facts)'),h=t.tHead.rows[0].cells[5]"
    values="[...t.tBodies[0].rows].map(r=>parseFloat(r.cells[5].textContent)).filter(v=>!isNaN(v))"
    down=$(probe 1000 one/report.html "$click;h.click();const v=$values;document.title=v.every((x,i)=>i===0||v[i-1]>=x)&&v.length>20")
    [ "$down" = true ]
    up=$(probe 1000 one/report.html "$click;h.click();h.click();const v=$values;document.title=v.every((x,i)=>i===0||v[i-1]<=x)")
    [ "$up" = true ]
}

@test "light and dark" {
    ink="document.title=getComputedStyle(document.body).backgroundColor+getComputedStyle(document.body).color"
    light=$(probe 1000 one/report.html "$ink")
    [ "$light" = 'rgb(255, 255, 255)rgb(31, 35, 40)' ]
    sed 's/prefers-color-scheme:dark/min-width:1px/g' one/report.html >dark.html
    dark=$(probe 1000 dark.html "$ink")
    [ "$dark" = 'rgb(22, 25, 29)rgb(230, 233, 236)' ]
}

@test "a screenshot has pictures and curves" {
    browse 1000 one/report.html --screenshot="$PWD/page.png"
    /usr/bin/python3 -c '
from PIL import Image
image = Image.open("page.png").convert("RGB")
assert image.size == (1000, 1400), image.size
colours = {colour for _, colour in image.getcolors(1 << 24)}
assert (11, 99, 197) in colours and len(colours) > 50, len(colours)'
}
