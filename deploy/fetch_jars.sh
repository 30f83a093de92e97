#!/usr/bin/env bash
# Copies the jars that a pom.xml names into .cache/NAME/libs of this checkout, with Maven as it is set up here.
# Done again only when the pom.xml changes.    fetch_jars.sh NAME POM
set -euo pipefail

name=$1 pom=$2
cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.cache/$name
if cmp -s "$pom" "$cache/pom.xml"; then
    exit 0
fi
echo "Fetching the $name jars into .cache/$name (once)" >&2
mkdir -p "$cache"
fresh=$(mktemp -d "$cache/libs.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
mvn -B -q -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$fresh" -DincludeScope=runtime </dev/null 2>&1 |
    sed $'s/\x1b\\[[0-9;]*m//g; /^$/d' >&2 # what it says when it fails, without colours
rm -rf "$cache/libs"
mv "$fresh" "$cache/libs"
chmod 755 "$cache/libs"
cp "$pom" "$cache/pom.xml" # last, so that an interrupted run is done again
