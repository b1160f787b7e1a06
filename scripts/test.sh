#!/usr/bin/env bash
# Install the test extras into .venv and run the tests; arguments go to pytest.
set -euo pipefail
source "$(dirname "$0")/environment.sh"
install "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# Files are shared out whole, since their tests share what is costly to make; a process takes 2 GB.
.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile "$@"
