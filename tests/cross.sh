#!/bin/bash
# Compile base, the kernels, nn and the augmentation for aarch64 and run tests of them, and of
# their golden bits, under qemu: cross.sh [FOLDER for the objects]. Needs
# gcc-aarch64-linux-gnu; without qemu-user it only compiles. tests/cross/ replaces the
# libraries that are not installed for that architecture.
set -eu
cd "$(dirname "$0")/.."
out=$(realpath -m "${1-build/aarch64}")
cc=(aarch64-linux-gnu-gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Werror -O2
    -ffp-contract=off -fopenmp -Iinclude -Isrc/nn -Itests/cross)
mkdir -p "$out"
rm -f "$out"/*.o "$out/kernels.a"

for source in src/base/*.c src/kernels/*.c src/nn/*.c src/data/{augment*,randaugment,view}.c; do
    grep -Eq '<(hwloc|xxhash)\.h>' "$source" && continue
    echo "${cc[*]} -O3 -c -o $out/$(basename "$source" .c).o $source"
done >"$out/commands"
for source in src/kernels/simd/*.c; do
    echo "${cc[*]} -O3 -DSIMD_LEVEL=plain -c" \
        "-o $out/simd-$(basename "$source" .c).o $source"
done >>"$out/commands"
xargs -P "$(nproc)" -I{} sh -c '{}' <"$out/commands"
echo "compiled $(wc -l <"$out/commands") files for aarch64"

command -v qemu-aarch64 >/dev/null || exit 0
aarch64-linux-gnu-ar rcs "$out/kernels.a" "$out"/*.o
for test in tests/unit/kernels/test_{activation,bits,conv,conv_algorithm,conv_pool,depthwise,linear,pool,update,winograd}.c \
    tests/unit/base/test_portable_math.c tests/unit/nn/test_golden.c \
    tests/unit/data/test_randaugment.c; do
    "${cc[@]}" -o "$out/test" "$test" tests/cross/cpu.c "$out/kernels.a" -lm
    qemu-aarch64 -L /usr/aarch64-linux-gnu "$out/test"
done
