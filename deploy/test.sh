#!/usr/bin/env bash
# Every test but acceptance, in three parts beside each other: those that start servers mostly wait for these.
#   deploy/test.sh [pytest's arguments]      with files or folders among them, these alone
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python
pure=(tests/coding tests/hl7_parsers tests/fuzz tests/published tests/test_*.py)
# Whatever starts the demo is in one part: two at once may choose the same port.
used=(tests/deploy tests/servers tests/streams/cli tests/streams/web)

for argument in "$@"; do
    if [ -e "${argument%%::*}" ]; then
        exec "$python" -m pytest --ignore=tests/acceptance "$@"
    fi
done

logs=$(mktemp -d)
beside=()
trap 'kill "${beside[@]}" 2>/dev/null; rm -rf "$logs"' EXIT

nice -n 5 "$python" -m pytest "${pure[@]}" "$@" >"$logs/1" 2>&1 &
beside+=($!)
"$python" -m pytest "${used[@]}" "$@" >"$logs/2" 2>&1 &
beside+=($!)
others=("${pure[@]}" "${used[@]}" tests/acceptance)
"$python" -m pytest tests "${others[@]/#/--ignore=}" "$@"
ends=($?)
for part in "${beside[@]}"; do
    wait "$part"
    ends+=($?)
done
cat "$logs/1" "$logs/2"

# 5: no test was chosen; a part may have none, but not all of them.
chosen=5
for end in "${ends[@]}"; do
    case $end in
    5) ;;
    0) [ "$chosen" -ne 5 ] || chosen=0 ;;
    *) exit "$end" ;;
    esac
done
exit "$chosen"
