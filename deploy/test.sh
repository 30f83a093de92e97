#!/usr/bin/env bash
# Every test but acceptance: those that start no server beside those that do, since these mostly wait.
#   deploy/test.sh [pytest's arguments]      with files or folders among them, these alone
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python
pure=(tests/coding tests/hl7_parsers tests/fuzz tests/published tests/test_*.py)

for argument in "$@"; do
    if [ -e "${argument%%::*}" ]; then
        exec "$python" -m pytest --ignore=tests/acceptance "$@"
    fi
done

log=$(mktemp)
nice -n 10 "$python" -m pytest "${pure[@]}" "$@" >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; rm -f "$log"' EXIT

"$python" -m pytest tests --ignore=tests/acceptance "${pure[@]/#/--ignore=}" "$@"
served=$?
wait "$beside"
alone=$?
echo
cat "$log"

# 5: no test was chosen. One of the two may have none.
[ "$served" -eq 5 ] && served=$alone
[ "$alone" -eq 5 ] && alone=$served
exit $((served ? served : alone))
