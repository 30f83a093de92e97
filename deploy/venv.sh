#!/usr/bin/env bash
# Makes .venv of this checkout, when it is not there, and installs dripcode into it as it stands in the checkout.
#   deploy/venv.sh [EXTRA]      EXTRA is an optional dependency group of pyproject.toml, such as test
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
suitable='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'

find_python() { # a name on the path need not run: version managers put stand-ins there
    local name
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if "$name" -c "$suitable" >/dev/null 2>&1; then
            if "$name" -c 'import venv, ensurepip' >/dev/null 2>&1; then
                command -v "$name"
                return 0
            fi
            without_venv=${without_venv:-$name}
        fi
    done
    if [ -n "${without_venv:-}" ]; then
        local version
        version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "$without_venv cannot make virtual environments. On Debian and Ubuntu: apt-get install python$version-venv" >&2
    else
        echo "No Python 3.11, 3.12 or 3.13 found. On Debian and Ubuntu: apt-get install python3 python3-venv;" \
            "or name one: make PYTHON=/path/to/python3.12" >&2
    fi
    return 1
}

if ! .venv/bin/python -c "$suitable" >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making .venv with $python"
    "$python" -m venv --clear .venv
fi
echo "Installing dripcode${1:+ and its $1 extra} into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e ".${1:+[$1]}" </dev/null
