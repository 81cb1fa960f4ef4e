#!/bin/bash
# Runs verbs of caplet with less and less of what a process may have, and reports every run that does not end as it is to: within 20
# seconds, with status 0, or with status 70 (or, before the program begins, 127 of the loader's) and one line that says why, and
# without an output then.
#
#   sweep.sh CAPLET MODEL TEXT [v|u|s [LIMIT…]]
#
# v: kB of addresses (ulimit -v), more than the program's own, without which the kernel does not begin it; u: processes of the user
# (ulimit -u), which root is not held to; s: kB of stack (ulimit -s).
set -u
caplet=$1 model=$2 text=$3 kind=${4:-v}
shift 3; shift || true
limits=("$@")
if [ ${#limits[@]} -eq 0 ]; then
    case $kind in
    v) limits=(40000 60000 80000 100000 120000 140000 160000 200000 250000 300000 400000 600000 1000000 2000000) ;;
    u) limits=(1 2 4 8 16 64) ;;
    s) limits=(64 128 256 512 1024 8192) ;;
    esac
fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

run() { # LIMIT NAME ARGUMENTS…
    local limit=$1 name=$2 status line
    shift 2
    rm -rf "$folder"/out*
    (ulimit -c 0 -"$kind" "$limit" && exec timeout 20 "$caplet" "$@") >"$folder/stdout" 2>"$folder/stderr" </dev/null
    status=$?
    line="$name under ulimit -$kind $limit: status $status"
    if [ $status -eq 0 ]; then return; fi
    if [ $status -ne 70 ] && ! { [ $status -eq 127 ] && grep -q 'shared librar' "$folder/stderr"; } &&
        ! { [ $status -eq 126 ] || grep -q '^timeout: \|^bash: fork\|failed to run command' "$folder/stderr"; }; then
        failures=$((failures + 1))
        echo "$line: $(tail -c 300 "$folder/stderr")"
    elif [ $status -eq 70 ] && [ "$(grep -c . "$folder/stderr")" -ne 1 ]; then
        failures=$((failures + 1))
        echo "$line: more than one line, $(head -c 300 "$folder/stderr")"
    elif compgen -G "$folder/out.caplet" >/dev/null || compgen -G "$folder/out.gguf" >/dev/null; then
        failures=$((failures + 1))
        echo "$line: an output is left"
    elif [ -n "${SWEEP_VERBOSE:-}" ]; then
        echo "$line: $(cat "$folder/stderr")"
    fi
}

for limit in "${limits[@]}"; do
    run "$limit" inspect inspect "$model"
    run "$limit" convert convert "$model" -o "$folder/out.gguf" --dtype q4_k --no-progress -q
    run "$limit" magnitude compress "$model" -o "$folder/out.caplet" --pipeline magnitude --no-progress -q
    run "$limit" rpca compress "$model" -o "$folder/out.caplet" --pipeline 'rpca{iterations=1}' --no-progress -q
    run "$limit" run run "$model" --prompt "The people" --max-tokens 4 -q
    run "$limit" evaluate evaluate "$model" --text "$text" --no-progress -q
done
[ $failures -eq 0 ]
