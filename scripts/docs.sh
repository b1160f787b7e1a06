#!/usr/bin/env bash
# Build the documentation into build/docs; a broken link or a missing reference is an error.
set -euo pipefail
source "$(dirname "$0")/environment.sh"
install "[docs]"
.venv/bin/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going --conf-dir docs . build/docs
cp build/docs/README.html build/docs/index.html
echo "Documentation: build/docs/index.html"
