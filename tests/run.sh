#!/usr/bin/env bash
# All tests from a fresh Debian or Ubuntu: installs what is missing, then builds and runs them optimised, and those of
# the protocol, the learner and the simulator under the address and undefined-behaviour sanitizers. Ends with each run's summary;
# fails if anything failed.
#
# PARLEY_TEST_PRESETS="release asan tsan" chooses the builds; tsan runs what has threads, sockets and processes.
# Arguments are passed on to ctest: tests/run.sh -R '^net'
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=daemon/setup.sh
source "$here/../daemon/setup.sh"

read -ra presets <<<"${PARLEY_TEST_PRESETS:-release asan}"
for preset in "${presets[@]}"; do
    if [[ ! $preset =~ ^(release|asan|tsan)$ ]]; then
        echo "PARLEY_TEST_PRESETS: \"$preset\" is none of release, asan, tsan" >&2
        exit 2
    fi
done

summary=()
failed=0

# What has threads, sockets or processes; the rest would only be slow under the thread sanitizer.
threaded_label='^(daemon|net)$'
threaded_targets='^(parley|parleyd|(daemon|net)_[a-z0-9_]+_test)$'

# What decodes, decides and computes. Real processes are too slow for their deadlines under the address sanitizer.
memory_label='^(protocol|learner|sim)$'
memory_targets='^(sim_run|etcd_scripts|learner_variants_[a-z]+|(protocol|learner|sim)_[a-z0-9_]+_test)$'

# stage NAME COMMAND...: runs it and prints the time taken.
stage() {
    local name=$1 begin=$SECONDS status=0
    shift
    echo "=== $name"
    "$@" </dev/null || status=$?
    echo "=== $name: $((SECONDS - begin)) s"
    return "$status"
}

# shellcheck disable=SC2317  # called through stage
build() {
    local preset=$1 wanted='' targets=()
    if [[ $preset == asan ]]; then wanted=$memory_targets; fi
    if [[ $preset == tsan ]]; then wanted=$threaded_targets; fi
    if [[ -n $wanted ]]; then
        mapfile -t targets < <(cmake --build "$parley_root/build/$preset" --target help |
            awk -F: -v wanted="$wanted" '$1 ~ wanted { print $1 }' | sort -u)
        targets=(--target "${targets[@]}")
    fi
    cmake --build "$parley_root/build/$preset" --parallel "$(parley_jobs)" "${targets[@]}"
}

# shellcheck disable=SC2317
run_tests() {
    local preset=$1 command=(ctest) none=error log status=0
    shift
    (($# > 0)) && none=ignore  # a filter may leave one of the builds without tests
    log=$parley_root/build/$preset/tests.log
    if [[ $preset == asan ]]; then set -- -L "$memory_label" "$@"; fi
    if [[ $preset == tsan ]]; then
        # GCC 12's thread sanitizer does not start where newer kernels place things at random.
        if setarch "$(uname -m)" -R true 2>/dev/null; then command=(setarch "$(uname -m)" -R ctest); fi
        set -- -L "$threaded_label" "$@"
    fi
    "${command[@]}" --test-dir "$parley_root/build/$preset" --output-on-failure --no-tests="$none" \
        --parallel "$(nproc)" "$@" 2>&1 | tee "$log" || status=$?
    summary+=("--- $preset")
    mapfile -t -O "${#summary[@]}" summary < <(sed -n '/^[0-9]*% tests passed/,$p' "$log")
    return "$status"
}

stage "packages" parley_install build test
for preset in "${presets[@]}"; do
    if ! stage "$preset: configure" parley_configure "$preset" -DPARLEY_TESTS=ON ||
        ! stage "$preset: build" build "$preset"; then
        summary+=("--- $preset" "the build failed")
        failed=1
        continue
    fi
    stage "$preset: tests" run_tests "$preset" "$@" || failed=1
done

echo
printf '%s\n' "${summary[@]}"
echo "--- ${presets[*]}: $( ((failed)) && echo FAILED || echo passed) in $SECONDS s"
exit "$failed"
