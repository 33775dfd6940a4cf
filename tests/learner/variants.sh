#!/usr/bin/env bash
# The kernel variants that this processor runs train alike: after 100 steps from the same seed the parameters differ by
# at most 1e-4 of their length, and the same variant gives the same bits every time.
#
# Not from every seed: now and then a value lies within a rounding of a kink (the zero of a ReLU, the maximum of a pool),
# falls on one side in one variant and on the other in another, and from then on the two are as far apart as a hidden unit's
# part in an update. So four of five seeds have to keep the narrow limit, and all of them a wide one.
# usage: variants.sh DIRECTORY_OF_PROGRAMS DIRECTORY_OF_LIBRARIES
set -euo pipefail
export LC_ALL=C
programs=${1:?usage: variants.sh PROGRAMS LIBRARIES}
libraries=${2:?usage: variants.sh PROGRAMS LIBRARIES}
narrow=1e-4
wide=1e-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}

# train VARIANT MODEL SEED FILE: with the library of this variant, and no other.
train() {
    local loaded
    loaded=$(LD_LIBRARY_PATH=$work/$1 "$programs/learner_variants_model" "$2" "$3" "$4")
    if [[ $loaded != "$1" ]]; then
        echo "asked for the kernels of $1, got those of $loaded"
        exit 1
    fi
}

# What the processor lacks would end in an illegal instruction; the loader knows.
loader=$(ldd "$programs/learner_variants_model" | awk '/ld-linux/ { print $1 }')
supported=$("$loader" --help 2>/dev/null | awk '/\(supported/ { print $1 }' || true)
variants=()
for variant in baseline x86-64-v3 x86-64-v4; do
    directory=$libraries/glibc-hwcaps/$variant
    [[ $variant == baseline ]] && directory=$libraries
    [[ -e $directory/libparley_kernels.so ]] || continue
    if [[ $variant != baseline ]] && ! grep -qxF "$variant" <<<"$supported"; then
        echo "$variant: not on this processor"
        continue
    fi
    # The loader looks into glibc-hwcaps/ of the plain library's directory too: a copy stands alone.
    mkdir "$work/$variant"
    cp "$directory/libparley_kernels.so" "$work/$variant/"
    variants+=("$variant")
done

for model in mnist-cnn mnist-cnn-without-dropout mlp; do
    for variant in "${variants[@]}"; do
        near=0
        distances=()
        for seed in 1 2 3 4 5; do
            train "$variant" "$model" "$seed" "$work/$model.$seed.$variant"
            [[ $variant == baseline ]] && continue
            files=("$work/$model.$seed.baseline" "$work/$model.$seed.$variant")
            distance=$("$programs/learner_variants_compare" "${files[@]}" "$wide") || fail "$model, seed $seed, $variant: $distance from the baseline"
            if "$programs/learner_variants_compare" "${files[@]}" "$narrow" >/dev/null; then near=$((near + 1)); fi
            distances+=("$distance")
        done
        train "$variant" "$model" 1 "$work/again"
        cmp "$work/$model.1.$variant" "$work/again" || fail "$model: two runs with the kernels of $variant differ"
        [[ $variant == baseline ]] && continue
        echo "$model: $variant differs from the baseline by ${distances[*]}"
        ((near >= 4)) || fail "$model: $variant keeps $narrow for $near seeds of 5"
    done
done
exit "$failed"
