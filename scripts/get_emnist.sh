#!/bin/bash
# Make a lockstep data set of EMNIST Letters: download EMNIST (about 560 MB), check the
# download, unpack the letters and import them.
#
#   scripts/get_emnist.sh [OUT]             OUT: default data/emnist-letters.h5
#   scripts/get_emnist.sh --zip ZIP [OUT]   from a file already downloaded
#
# EMNIST: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to
# handwritten letters", 2017; from NIST Special Database 19.
# Environment: EMNIST_URL, EMNIST_MD5 (another mirror), LOCKSTEP (the program).
set -euo pipefail

url=${EMNIST_URL:-https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip}
md5=${EMNIST_MD5:-58c8d27c78d21e728a6bc7b3cc06412e}

die() {
    echo "get_emnist.sh: $*" >&2
    exit 1
}

usage() {
    sed -n '/^#   scripts/s/^# *//p' "$0" >&2
    exit 2
}

have() {
    command -v "$1" >/dev/null
}

here=$(cd "$(dirname "$0")" && pwd)
for program in "${LOCKSTEP-}" "$here/../build/lockstep" "$here/../../../bin/lockstep" \
    "$(command -v lockstep || true)"; do
    [[ -x $program && ! -d $program ]] && break
done
[[ -x $program ]] || die "there is no lockstep program: type 'make' first, or set LOCKSTEP"

zip=
if [[ ${1-} == --zip ]]; then
    (($# >= 2)) || usage
    zip=$2
    [[ -f $zip ]] || die "there is no file '$zip'"
    shift 2
fi
(($# <= 1)) && [[ ${1-} != -* ]] || usage
out=${1:-data/emnist-letters.h5}
[[ ! -e $out ]] || die "'$out' exists already: move it away first"
mkdir -p "$(dirname "$out")"

# The download is kept beside OUT, so that a second try does not fetch it again.
work=$(mktemp -d "$(dirname "$out")/emnist.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [[ -z $zip ]]; then
    zip=$(dirname "$out")/emnist-gzip.zip
    if [[ ! -f $zip ]]; then
        echo "downloading $url"
        if have curl; then
            curl --fail --location --continue-at - --output "$zip.part" "$url" ||
                die "cannot download '$url': type the same command to go on"
        elif have wget; then
            wget --continue --output-document "$zip.part" "$url" ||
                die "cannot download '$url': type the same command to go on"
        else
            die "neither curl nor wget is here: install one, or download '$url' elsewhere" \
                "and use --zip"
        fi
        mv "$zip.part" "$zip"
    fi
fi

echo "checking $zip"
[[ $(md5sum <"$zip") == "$md5  -" ]] ||
    die "'$zip' is not what was expected (MD5 $md5): remove it and try again"

part() {
    echo "gzip/emnist-letters-$1-ubyte.gz"
}
if have unzip; then
    unzip -q -j "$zip" "$(part 'train-images-idx3')" "$(part 'train-labels-idx1')" \
        "$(part 'test-images-idx3')" "$(part 'test-labels-idx1')" -d "$work" ||
        die "cannot unpack '$zip'"
elif have python3; then
    python3 - "$zip" "$work" <<'END' || die "cannot unpack '$zip'"
import os, shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for split in ("train", "test"):
        for kind in ("images-idx3", "labels-idx1"):
            name = "emnist-letters-%s-%s-ubyte.gz" % (split, kind)
            with archive.open("gzip/" + name) as source, \
                 open(os.path.join(sys.argv[2], name), "wb") as target:
                shutil.copyfileobj(source, target)
END
else
    die "neither unzip nor python3 is here: install one"
fi

files=$work/emnist-letters
"$program" data import-idx --transpose --label-base 1 --classes letters --out "$out" \
    --images "$files-train-images-idx3-ubyte.gz" \
    --labels "$files-train-labels-idx1-ubyte.gz" \
    --test-images "$files-test-images-idx3-ubyte.gz" \
    --test-labels "$files-test-labels-idx1-ubyte.gz"
