#!/usr/bin/env bash
# From nothing to a report: install, simulate a dataset, run the whole study on it.
# OUT chooses where it goes (default: quickstart). Started again, it goes on where it stopped.
set -euo pipefail
source "$(dirname "$0")/environment.sh"
out=${OUT:-quickstart}
echo "Installing into .venv"
install ""
echojax=.venv/bin/echojax
if [ ! -e "$out/simulated" ]; then
    echo "Simulating a dataset"
    "$echojax" simulate "$out/simulated" --patients 1000 --seed 0 --size 128
fi
if [ ! -e "$out/data/camus" ]; then
    "$echojax" prepare camus --from "$out/simulated" --data-dir "$out/data"
fi
echo "Running the study"
"$echojax" matrix --config quickstart --data-dir "$out/data" --run "$out/run" --resume
