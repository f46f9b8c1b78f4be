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

# make_venv REQUIREMENTS [OPTION ...] brings .venv to what the file pins, with options of pip install;
# does nothing when it is there already.
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
    if ! .venv/bin/python -m pip install -qq --disable-pip-version-check --requirement "$requirements" "$@" ||
        ! .venv/bin/python -m pip install -qq --disable-pip-version-check "$@" \
            --no-deps --no-build-isolation --editable app --editable tool; then
        echo "pip could not install what $requirements names: its message is above." >&2
        echo "Check that this machine reaches its package index (pip config list), and run again." >&2
        return 1
    fi
    # The tests' packages are the application's and more, in the same versions: both lines stay.
    echo "$wanted" >>.venv/installed
}
