#!/bin/sh
# Checks both signatures of a saved delivery with openssl: its raw body in one file, its headers ("Name: value") in another.
# Run it with   WEBHOOK_SECRET='whsec_…' sh verify.sh body.json headers.txt
# For a look by hand: while openssl runs, the process list of this machine shows the key.
set -efu
body=$1 headers=$2
tolerance=300 # seconds

header() { # NAME in lower case
    awk -v name="$1:" 'tolower(substr($0, 1, length(name))) == name { sub(/^[^:]*:[ \t]*/, ""); sub(/[ \t\r]*$/, ""); print; exit }' "$headers"
}
as_hex() { od -An -v -tx1 | tr -d ' \n'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary; }

# In constant time: what is compared are digests under a key that nobody knows.
same() {
    once=$(openssl rand -hex 32)
    [ "$(printf %s "$1" | hmac "$once" | as_hex)" = "$(printf %s "$2" | hmac "$once" | as_hex)" ]
}

# X-Webhook-Signature: the key is the secret as displayed.
verify_body() {
    key=$(printf %s "$WEBHOOK_SECRET" | as_hex)
    same "$(header x-webhook-signature)" "sha256=$(hmac "$key" <"$body" | as_hex)"
}

# webhook-signature (Standard Webhooks). It covers the id and the time too, so that an old request cannot be sent again.
verify_standard() {
    id=$(header webhook-id) timestamp=$(header webhook-timestamp)
    expr "$timestamp" : '[1-9][0-9]\{9\}$' >/dev/null || return 1
    age=$(($(date +%s) - timestamp))
    [ "$age" -le "$tolerance" ] && [ "$age" -ge "-$tolerance" ] || return 1
    key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | as_hex)
    mac=$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } | hmac "$key" | openssl base64 -A)
    for given in $(header webhook-signature); do
        if same "$given" "v1,$mac"; then return 0; fi
    done
    return 1
}

if verify_body && verify_standard; then echo Valid; else echo INVALID; exit 1; fi
