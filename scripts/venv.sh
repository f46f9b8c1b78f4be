# Sourced by deploy.sh and test.sh: the private environment .venv with what a requirements file pins.
# shellcheck shell=bash

# find_python prints a Python of 3.11 or newer, or says what is missing.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Skytier needs Python 3.11 or newer, and found none as python3 or python3.11 to python3.14." >&2
    echo "Install one, or name it: PYTHON=/path/to/python3 $0" >&2
    return 1
}

# install_by_uv REQUIREMENTS [--no-compile] installs what the file pins, by the uv that it pins too: in
# a sixth of the time of pip, and from the same indexes.
install_by_uv() {
    local compile=--compile-bytecode
    [ "${2:-}" != --no-compile ] || compile=--no-compile-bytecode
    .venv/bin/python -m pip install -qq --disable-pip-version-check --only-binary :all: --no-deps \
        --requirement <(awk '/^uv==/, !/\\$/' "$1") || return
    uv_as_pip install --require-hashes --requirement "$1" $compile &&
        uv_as_pip install --no-deps --no-build-isolation --editable app --editable tool $compile
}

# uv_as_pip WORD ... runs `uv pip WORD ...` on .venv with the settings of pip where uv has none.
uv_as_pip() {
    .venv/bin/python -c '
import os, runpy, sys
found = runpy.run_path("tool/src/skytier/release/indexes.py")["indexes"]()
words = ["uv", "pip", *sys.argv[1:], "--quiet", "--python", sys.executable, *found.options]
os.execve(".venv/bin/uv", words, os.environ | found.variables)
' "$@"
}

# install_by_pip REQUIREMENTS [OPTION ...] does the same by pip, with options of pip install.
install_by_pip() {
    local requirements=$1
    shift
    .venv/bin/python -m pip install -qq --disable-pip-version-check --requirement "$requirements" "$@" &&
        .venv/bin/python -m pip install -qq --disable-pip-version-check "$@" \
            --no-deps --no-build-isolation --editable app --editable tool
}

# make_venv REQUIREMENTS [--no-compile] brings .venv to what the file pins; does nothing when it is there
# already.
make_venv() {
    local requirements=$1 wanted python
    shift
    # A moved checkout leaves an environment that points to where it was: the path belongs to it.
    wanted=$(pwd && cat "$requirements" app/pyproject.toml tool/pyproject.toml)
    wanted=$(echo "$wanted" | sha256sum)
    if grep -qsxF "$wanted" .venv/installed; then
        return
    fi
    echo "Setting up .venv from $requirements (the first time takes about a minute) ..."
    python=$(find_python) || return 1
    # Packages go into an environment that works, since an application may be running from it.
    if ! grep -qsxF "$PWD" .venv/checkout || ! .venv/bin/python -c ''; then
        if ! "$python" -m venv --clear .venv; then
            echo "Python's venv module did not work. On Debian and Ubuntu: apt-get install python3-venv" >&2
            return 1
        fi
        pwd >.venv/checkout
    fi
    if ! install_by_uv "$requirements" "$@" 2>/dev/null && ! install_by_pip "$requirements" "$@"; then
        echo "pip could not install what $requirements names: its message is above." >&2
        echo "Check that this machine reaches its package index (pip config list), and run again." >&2
        return 1
    fi
    # The tests' packages are the application's and more, in the same versions: both lines stay.
    echo "$wanted" >>.venv/installed
}
