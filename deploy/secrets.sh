#!/usr/bin/env bash
# Makes what deploy/compose.yaml reads from deploy/secrets, each file once: passwords, a certificate authority and a
# certificate for Redis, and the first person of the pages (its password is printed, once).
# The folder is its owner's alone. The files in it are readable, since compose hands them to users of the containers.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p secrets
chmod 700 secrets
umask 022
cd secrets

random() { openssl rand -hex 24; }

[ -e grafana.password ] || random >grafana.password
[ -e redis.password ] || random >redis.password
if [ ! -e redis.acl ]; then
    digest=$(tr -d '\n' <redis.password | openssl dgst -sha256 -r | cut -d ' ' -f 1)
    sed "s/SHA256-OF-THE-PASSWORD/$digest/" ../redis/redis.acl.example >redis.acl
fi
if [ ! -e redis.crt ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=dripcode compose CA" \
        -keyout ca.key -out ca.crt 2>/dev/null
    chmod 600 ca.key
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=redis" -keyout redis.key -out redis.csr 2>/dev/null
    printf 'subjectAltName=DNS:redis\nbasicConstraints=CA:FALSE\n' >redis.ext
    openssl x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile redis.ext \
        -out redis.crt 2>/dev/null
    chmod 644 redis.key
    rm -f redis.csr redis.ext ca.srl
fi
if [ ! -e people.toml ]; then
    password=$(openssl rand -hex 8)
    hash=$(printf '%s\n%s\n' "$password" "$password" | ${DRIPCODE:-../../.venv/bin/dripcode} web --hash 2>/dev/null | grep -o 'scrypt\$.*')
    printf '[analyst]\npassword = "%s"\nrole = "analyst"\n' "$hash" >people.toml
    echo "Sign in to the pages as analyst with the password $password"
fi
