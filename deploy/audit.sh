#!/usr/bin/env bash
# Looks up known vulnerabilities of every pinned package, and writes a CycloneDX bill of what is installed to run dripcode
# (without tests) to build/dripcode.cdx.json. The tools live in an environment that is thrown away.
# Where the package index or the list of vulnerabilities cannot be reached, it says what was not done and exits 0; with
# CI=true it exits 1. A vulnerability is exit 1 anywhere; AUDIT_IGNORE="ID ID" passes over those that were looked at.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
pip_audit=2.10.1
cyclonedx_bom=7.5.0
python=${PYTHON:-.venv/bin/python}

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

not_done() {
    echo "Not audited: $1" >&2
    sed 's/^/    /' "$place/said" | tail -n 5 >&2
    case "${CI:-}" in
    1 | true | yes) exit 1 ;;
    *) exit 0 ;;
    esac
}

install() { # ENVIRONMENT PIP-ARGUMENTS…
    local environment=$place/$1
    shift
    "$python" -m venv "$environment" &&
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 "$@" </dev/null >"$place/said" 2>&1
}

install tools "pip-audit==$pip_audit" "cyclonedx-bom==$cyclonedx_bom" || not_done "the tools cannot be installed; no network?"
install dripcode --constraint deploy/constraints.txt . || not_done "dripcode cannot be installed; no network?"

mkdir -p build
"$place/tools/bin/cyclonedx-py" environment --pyproject pyproject.toml --mc-type application --output-reproducible \
    --output-format JSON --output-file build/dripcode.cdx.json "$place/dripcode/bin/python" 2>/dev/null
echo "build/dripcode.cdx.json: $(grep -c '"purl"' build/dripcode.cdx.json) packages"

ignored=()
for id in ${AUDIT_IGNORE:-}; do ignored+=(--ignore-vuln "$id"); done
"$place/tools/bin/pip-audit" --requirement deploy/constraints.txt --no-deps --disable-pip --progress-spinner off \
    --format json --output "$place/found" ${ignored[@]+"${ignored[@]}"} >"$place/said" 2>&1 || true
[ -s "$place/found" ] || not_done "the list of vulnerabilities cannot be read; no network?"
# What the list does not know it passes over, and would call clean: that counts as not looked up.
"$python" - "$place/found" >"$place/said" <<'END' || status=$?
import json, sys

packages = json.load(open(sys.argv[1]))["dependencies"]
skipped = [each["name"] for each in packages if "skip_reason" in each]
found = [(each, one) for each in packages for one in each.get("vulns", ())]
for each, one in found:
    print(f"{each['name']} {each['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version'}")
if skipped:
    print(f"{len(skipped)} of {len(packages)} packages are not on the list here: {', '.join(skipped[:5])} …")
else:
    print(f"{len(packages)} packages looked up, {len(found)} vulnerabilities")
sys.exit(1 if found else 3 if skipped else 0)
END
case ${status:-0} in
3) not_done "this package index does not serve the list of vulnerabilities" ;;
*) cat "$place/said"; exit "${status:-0}" ;;
esac
