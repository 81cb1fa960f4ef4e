#!/usr/bin/env bash
# Makes the Python environment of the tests: make.sh [FOLDER], by default .build/python under the repository root.
# Returns at once when FOLDER already holds what requirements.txt and this script ask for.
# Needs python3 (3.11 or newer) with venv, and a C++ compiler; CMake and Ninja come from PyPI while llama.cpp is built.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$(cd "$here/../.." && pwd)/.build/python}
python=${PYTHON:-python3}
stamp=$(cat "$here/requirements.txt" "$here/make.sh" | sha256sum | cut -d ' ' -f 1)

if [ -f "$folder/stamp" ] && [ "$(cat "$folder/stamp")" = "$stamp" ] && "$folder/bin/python" -c '' 2>/dev/null; then
  exit 0
fi

fail() { echo "make.sh: $1" >&2; exit 1; }
command -v "$python" >/dev/null || fail "no $python: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old: 3.11 or newer"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv: apt-get install python3-venv"
command -v "${CXX:-g++}" >/dev/null || fail "no C++ compiler: apt-get install g++"

# A folder that is there but not stamped is a broken or an old environment: make it afresh, touch nothing else.
if [ -e "$folder" ] && [ ! -f "$folder/pyvenv.cfg" ] && [ -n "$(ls -A "$folder")" ]; then
  fail "$folder exists and is no virtual environment"
fi
rm -f "$folder/stamp"
"$python" -m venv --clear "$folder"

# llama.cpp: the library alone, for any x86-64 with AVX2 (or any arm64), no multimodal part, no download of models.
export CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TOOLS=OFF \
-DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF ${CMAKE_ARGS:-}"
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
echo "$stamp" > "$folder/stamp"
