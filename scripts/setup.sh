#!/bin/bash
# Install the missing ones of the Debian packages that lockstep needs:
#   setup.sh [run]    to build and run
#   setup.sh test     the same, and for `make test` and `make lint`
#   setup.sh slurm    the same as test, and for `make test-slurm`
#   setup.sh fuzz     the same as run, and for `make fuzz` and `make test-fuzz`
#   setup.sh web      the same as test, and for `make test-web`
#   setup.sh peers    the same as test, and for `make test-peers`
#   setup.sh check    installs nothing; if a build would fail, fails and says what to type
# Prints nothing when nothing is missing.
set -u

run=(gcc libc6-dev make pkg-config libopenmpi-dev openmpi-bin libopenblas-openmp-dev
     libhdf5-dev libhwloc-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libwebp-dev libtiff-dev
     libzip-dev libjansson-dev libxxhash-dev libunistring-dev libprotobuf-c-dev protobuf-c-compiler)
test=("${run[@]}" libcmocka-dev bats python3-h5py python3-pil python3-matplotlib hdf5-tools
      clang-format cppcheck shellcheck help2man curl iproute2 procps strace e2fsprogs
      gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
slurm=("${test[@]}" slurm-wlm munge)
web=("${test[@]}" chromium)
fuzz=("${run[@]}" clang libclang-rt-dev llvm)
peers=("${test[@]}" python3-torch python3-numpy python3-sklearn)

say() {
    printf 'setup: %s\n' "$@" >&2
}

die() {
    say "$@"
    exit 1
}

# Prints the tools and libraries that are missing, however they would be installed, one per
# line.
lacking_tools() {
    local name tools=(gcc make pkg-config mpicc mpirun protoc-c) modules=()
    local libraries=(hdf5-serial libpng libjpeg libwebp libtiff-4 zlib libzip jansson
        libprotobuf-c openblas hwloc libxxhash)
    case $what in test | slurm | peers)
        tools+=(bats h5dump python3) libraries+=(cmocka) modules=(h5py)
        ;;
    esac
    [[ $what == web ]] && tools+=(bats h5dump python3 chromium) libraries+=(cmocka) modules=(h5py)
    [[ $what == peers ]] && modules+=(numpy torch)
    [[ $what == fuzz ]] && tools+=(clang llvm-symbolizer)
    for name in "${tools[@]}"; do
        command -v "$name" >/dev/null || echo "$name"
    done
    for name in "${libraries[@]}"; do
        pkg-config --exists "$name" 2>/dev/null || echo "$name"
    done
    # Without a pkg-config file; without a compiler the list above says enough.
    if command -v gcc >/dev/null && ! gcc -E -include uninorm.h -xc /dev/null >/dev/null 2>&1; then
        echo libunistring
    fi
    for name in "${modules[@]}"; do
        python3 -c "import $name" 2>/dev/null || echo "python3 $name"
    done
}

lacking_packages() {
    local name known
    known=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
    for name; do
        grep -qx "$name installed" <<<"$known" || echo "$name"
    done
}

# Without the means to install, what counts is whether it would work all the same.
go_on_or_stop() {
    mapfile -t lacking < <(lacking_tools)
    ((${#lacking[@]})) && die "not found: ${lacking[*]}" "$@"
    exit 0
}

# On a machine that has just started another apt may be running: waits for its lock.
update() {
    local out tries=60
    until out=$("$@" apt-get -q update 2>&1); do
        if [[ $out != *'Could not get lock'* ]] || ((--tries == 0)); then
            say "${out##*$'\n'}" "'apt-get update' failed; going on with the old lists"
            return
        fi
        sleep 5
    done
}

what=${1-run}
case $what in
run) wanted=("${run[@]}") ;;
test) wanted=("${test[@]}") ;;
slurm) wanted=("${slurm[@]}") ;;
fuzz) wanted=("${fuzz[@]}") ;;
web) wanted=("${web[@]}") ;;
peers) wanted=("${peers[@]}") ;;
check) go_on_or_stop "type 'make setup' to install it (Debian, root or sudo)" ;;
*) die "unknown argument '$what': run, test, slurm, fuzz, web, peers or check" ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    go_on_or_stop "this is not Debian: install what it calls ${wanted[*]}"
fi

mapfile -t missing < <(lacking_packages "${wanted[@]}")
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || ! { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
        go_on_or_stop "this needs root or sudo; ask an administrator to type" \
            "apt-get install --no-install-recommends ${missing[*]}"
    fi
fi

say "installing ${missing[*]}"
update "${as_root[@]}"
out=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=600 install --no-install-recommends "${missing[@]}" \
    2>&1 </dev/null) || {
    printf '%s\n' "$out" >&2
    die "apt-get could not install them: its messages are above"
}
