# shellcheck shell=bash
# Sourced, after runs.sh: the CIFAR-10 photographs, where somebody has put them.

# cifar FILE: makes a data set of them, 32x32 RGB: that of CIFAR, or of the JPEGs in
# LOCKSTEP_DATA (default shared/data beside the clone); fails if neither is there.
cifar() {
    local archive=${LOCKSTEP_DATA:-$ROOT/../shared/data}/cifar10/cifar10-jpeg.tar.xz
    if [[ ${CIFAR-} ]]; then
        cp "$CIFAR" "$1"
    elif [[ -f $archive ]]; then
        mkdir cifar
        tar -xf "$archive" -C cifar
        "$LOCKSTEP" data import cifar --out "$1" --size 32 >/dev/null
        rm -r cifar
    else
        return 1
    fi
}
