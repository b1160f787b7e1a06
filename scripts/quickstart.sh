#!/usr/bin/env bash
# From nothing to a report: install, simulate a small dataset, run the whole study on it.
# OUT chooses where it goes (default: quickstart/).
set -euo pipefail
source "$(dirname "$0")/environment.sh"
out=${OUT:-quickstart}
if [ -e "$out/run/config.toml" ]; then
    echo "$out holds a quickstart already; remove it, or choose another place with OUT=DIR" >&2
    exit 2
fi
echo "Installing into .venv"
install ""
echo "Simulating a dataset"
.venv/bin/echojax simulate "$out/simulated" --patients 100 --seed 0 --size 192 --overwrite
.venv/bin/echojax prepare camus --from "$out/simulated" --data-dir "$out/data" --overwrite
echo "Running the study"
.venv/bin/echojax matrix --config configs/quickstart.toml --data-dir "$out/data" --run "$out/run"
