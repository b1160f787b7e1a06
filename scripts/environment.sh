# Sourced by the other scripts: a virtual environment in .venv with echojax and the given extras.
# PYTHON chooses the interpreter (3.11 or newer).

cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "echojax needs Python 3.11 or newer; name one with PYTHON=/path/to/python" >&2
    return 1
}

# install EXTRAS: "" or "[test]"; only what is missing is fetched.
install() {
    if [ ! -x .venv/bin/python ]; then
        local python
        python=$(find_python)
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --editable ".$1"
}
