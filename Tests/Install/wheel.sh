#!/usr/bin/env bash
# Installs the wheel in a fresh environment, and compares what the example writes with the command line: wheel.sh WHEEL CAPLET [PYTHON].
# Needs Python with venv, and the network for numpy.
set -euo pipefail

fail() { echo "wheel.sh: $1" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wheel=$(realpath "${1:?wheel.sh WHEEL CAPLET [PYTHON]}")
caplet=$(realpath "${2:?wheel.sh WHEEL CAPLET [PYTHON]}")
python=${3:-python3}
[ -f "$wheel" ] || fail "$wheel is not there: make wheel"
examples=$(realpath "$here/../../Examples")
model=$examples/wren-7m calibration=$examples/text/speeches-calibration.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$python" -m venv env || fail "$python makes no environment: apt-get install python3-venv"
env/bin/pip install --quiet --disable-pip-version-check "$wheel" || fail "pip does not install $wheel"
# The library in the wheel, and no other that may be about.
env -u CAPLET_LIBRARY -u LD_LIBRARY_PATH env/bin/python "$examples/Python/compress.py" "$model" "$calibration" \
    "$examples/text/speeches-evaluation.txt" . > log 2>&1 || { cat log >&2; fail "the example failed"; }
mkdir line
"$caplet" compress "$model" -o line/small.caplet --bits-per-weight 4 --calibration "$calibration" --calibration-sequences 8 --context 128 \
    --no-measure -q
"$caplet" convert line/small.caplet -o line/small.gguf --dtype q8_0 -q
for file in small.caplet small.gguf; do
    cmp "$file" "line/$file" || fail "$file is not what the command line writes"
done
version=$(env/bin/python -c 'import caplet; print(caplet.version())')
[ "$version" = "$("$caplet" --version | cut -d' ' -f1)" ] || fail "the wheel is of version $version"
echo "$(basename "$wheel") on $(env/bin/python --version): the command line's bytes"
