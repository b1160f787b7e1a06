#!/usr/bin/env bash
# What someone without a checkout gets: wheel.sh OUT builds the wheel and installs it, and nothing else,
# into the new environment OUT/venv. CI runs its studies there.
set -euo pipefail
out=$(realpath --canonicalize-missing "$1")
source "$(dirname "$0")/environment.sh"
mkdir -p "$out"
"$(find_python)" -m venv "$out/venv"
"$out/venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$out" .
"$out/venv/bin/python" -m pip install --quiet "$out"/echojax-*.whl
