#!/usr/bin/env bash
# Brings what the tests need: redis-server, chromium, Prometheus, systemd-analyze, Java 17 or newer, the Kafka jars
# (through Maven) and the schema of AsyncAPI documents (through npm).
#
# Installs Debian packages only where it may (root, or sudo without a password) and only those that are missing.
# What it cannot bring it names, and exits 0: the tests that need it are skipped and say so. With CI=true or
# DRIPCODE_REQUIRE_SERVERS=1 it exits 1 instead. DRIPCODE_INSTALL=0 keeps it from installing packages.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
java_wanted=17
asyncapi_package=@asyncapi/specs@6.11.1

required() {
    case "${DRIPCODE_REQUIRE_SERVERS:-${CI:-}}" in
    1 | true | yes) return 0 ;;
    *) return 1 ;;
    esac
}

has() { command -v "$1" >/dev/null 2>&1; }

has_java() {
    local java=${JAVA_HOME:+$JAVA_HOME/bin/}java major
    has "$java" || return 1
    major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge "$java_wanted" ]
}

has_jars() { [ -n "${DRIPCODE_KAFKA_LIBS:-}" ] || cmp -s "$here/kafka/pom.xml" "$here/../.cache/kafka/pom.xml"; }

has_asyncapi() { [ -e "$here/../.cache/asyncapi/3.0.0.json" ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    [ "${DRIPCODE_INSTALL:-1}" != 0 ] && has apt-get && { [ "$(id -u)" -eq 0 ] || { has sudo && sudo -n true 2>/dev/null; }; }
}

java_package() { # Debian 12 has 17; later releases have only newer ones, which run Kafka as well
    if apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
        echo openjdk-17-jre-headless
    else
        echo default-jre-headless
    fi
}

install_missing() {
    local packages=()
    has redis-server || packages+=(redis-server)
    has chromium || packages+=(chromium)
    has promtool || packages+=(prometheus)
    has systemd-analyze || packages+=(systemd)
    has_java || packages+=(java)
    has_jars || has mvn || packages+=(maven)
    has_asyncapi || has npm || packages+=(npm)
    [ ${#packages[@]} -gt 0 ] || return 0
    if ! may_install; then
        echo "Not installed here (no right to, or DRIPCODE_INSTALL=0): ${packages[*]}" >&2
        return 0
    fi
    echo "Installing for the tests: ${packages[*]}"
    as_root apt-get update -qq </dev/null || echo "apt-get update failed; trying with the lists at hand" >&2
    packages=("${packages[@]/#java/$(java_package)}")
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "${packages[@]}" </dev/null >/dev/null || echo "apt-get could not install: ${packages[*]}" >&2
}

fetch_jars() {
    has_jars && return 0
    has mvn || return 0
    "$here/fetch_jars.sh" kafka "$here/kafka/pom.xml" || echo "Maven could not fetch the Kafka jars" >&2
}

fetch_asyncapi() {
    has_asyncapi && return 0
    has npm || return 0
    local folder
    folder=$(mktemp -d)
    if (cd "$folder" && npm pack --silent "$asyncapi_package" </dev/null >/dev/null && tar -xzf ./*.tgz); then
        mkdir -p "$here/../.cache/asyncapi"
        mv "$folder/package/schemas/3.0.0-without-\$id.json" "$here/../.cache/asyncapi/3.0.0.json"
    else
        echo "npm could not fetch $asyncapi_package" >&2
    fi
    rm -rf "$folder"
}

missing() {
    has redis-server || echo "redis-server"
    has chromium || echo "chromium"
    has promtool || echo "prometheus, with promtool"
    has systemd-analyze || echo "systemd-analyze"
    has_java || echo "Java $java_wanted or newer, under JAVA_HOME or on the PATH"
    has_jars || echo "the Kafka jars (they need Maven)"
    has_asyncapi || echo "the schema of AsyncAPI documents (it needs npm)"
}

install_missing
fetch_jars
fetch_asyncapi
lacking=$(missing)
if [ -n "$lacking" ]; then
    printf 'Missing for the tests of real servers:\n%s\n' "$lacking" >&2
    if required; then
        exit 1
    fi
fi
