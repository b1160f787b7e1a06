#!/usr/bin/env bash
# What someone without a checkout gets: build the wheel, install it into an empty environment, and run
# the quickstart's study there, cut down; WHOLE=1 runs all of it. OUT, a new folder, keeps everything.
set -euo pipefail
source "$(dirname "$0")/environment.sh"
out=${OUT:-}
if [ -z "$out" ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
else
    mkdir "$out"
    out=$(realpath "$out")
fi
python=$(find_python)
patients=60
settings=(--set classifier.size=32 --set classifier.width=4 --set classifier.epochs=2
    --set sr.blocks=1 --set sr.channels=8 --set sr.steps=20)
if [ "${WHOLE:-0}" != 0 ]; then
    patients=1000
    settings=()
fi

"$python" -m venv "$out/venv"
"$out/venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$out" .
"$out/venv/bin/python" -m pip install --quiet "$out"/echojax-*.whl

cd "$out"
unset PYTHONPATH
echojax=venv/bin/echojax
"$echojax" simulate simulated --patients "$patients" --seed 0 --size 128
"$echojax" prepare camus --from simulated
"$echojax" matrix --config quickstart "${settings[@]}"
test -s runs/quickstart/report.html
echo "The wheel runs the quickstart's study."
