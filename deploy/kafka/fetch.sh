#!/usr/bin/env bash
# Copies the broker's jars (43 MB) into .cache/kafka/libs of this checkout, with Maven as it is set up on this machine.
# Done again only when pom.xml changes. `DRIPCODE_KAFKA_LIBS=FOLDER` makes the tests use a folder of jars of your own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$here/../../.cache/kafka
if cmp -s "$here/pom.xml" "$cache/pom.xml"; then
    exit 0
fi
echo "Fetching the Kafka jars into .cache/kafka (once)"
mkdir -p "$cache"
fresh=$(mktemp -d "$cache/libs.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
mvn -B -q -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$fresh" -DincludeScope=runtime </dev/null 2>&1 |
    sed $'s/\x1b\\[[0-9;]*m//g; /^$/d' # what it says when it fails, without colours
rm -rf "$cache/libs"
mv "$fresh" "$cache/libs"
chmod 755 "$cache/libs"
cp "$here/pom.xml" "$cache/pom.xml" # last, so that an interrupted run is done again
