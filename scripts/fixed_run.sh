#!/usr/bin/env bash
# A small study whose predictions a change of structure must leave as they are, byte for byte, on
# one machine: run it before and after, in new folders, and compare the two sums.
# fixed_run.sh OUT; PYTHON names the interpreter (default: that of .venv).
set -euo pipefail
echojax=("${PYTHON:-$PWD/.venv/bin/python}" "$(cd "$(dirname "$0")/.." && pwd)/cli.py")
mkdir -p "$1"
cd "$1"
"${echojax[@]}" simulate simulated --patients 30 --seed 7 --size 96
"${echojax[@]}" prepare camus --from simulated
"${echojax[@]}" matrix --run run \
    --set 'study.protocols=["paper","patient"]' \
    --set 'study.sr=["none","bicubic","srresnet","srgan"]' \
    --set 'study.modes=["upscale","restore"]' \
    --set study.parts=3 --set study.folds=2 --set study.seeds=1 \
    --set sr.blocks=1 --set sr.channels=8 --set sr.crop=32 --set sr.batch=4 --set sr.steps=20 \
    --set sr.gan_steps=4 --set sr.perceptual=none --set sr.discriminator_width=4 \
    --set sr.evaluate_frames=2 \
    --set classifier.init=random --set classifier.width=4 --set classifier.size=32 --set classifier.epochs=2 \
    --set classifier.batch=8
sha256sum run/predictions.csv
