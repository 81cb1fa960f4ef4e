#!/bin/bash
# Runs the fuzz targets one after another. FUZZ_RUNS inputs each (default 1000000), FUZZ_TARGETS to choose some.
# What is found lies in .build/fuzzing-findings; new inputs that reach new code stay in .build/fuzzing-corpus.
set -u
cd "$(dirname "$0")/../.."
runs=${FUZZ_RUNS:-1000000}
swift build --package-path Tests/Fuzzing -c release --scratch-path .build/fuzzing || exit 1
fuzz=.build/fuzzing/release/fuzz
# The backtracer reads memory that AddressSanitizer guards, and would hide what was found.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
status=0
for target in ${FUZZ_TARGETS:-$($fuzz)}; do
    mkdir -p ".build/fuzzing-corpus/$target" ".build/fuzzing-findings/$target"
    log=".build/fuzzing-findings/$target.log"
    if $fuzz "$target" -runs="$runs" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix=".build/fuzzing-findings/$target/" ".build/fuzzing-corpus/$target" "Tests/Fuzzing/Corpus/$target" </dev/null >"$log" 2>&1
    then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
    else
        echo "$target: FOUND; see $log"
        status=1
    fi
done
exit $status
