#!/bin/sh
# Read your feed with curl, and resume: sh feed.sh [--once]. Needs curl, sed and awk.
# Lit votre flux avec curl, et reprend : sh feed.sh [--once].
set -eu
: "${MAILLAGE_URL:?}" "${MAILLAGE_CLIENT_ID:?}" "${MAILLAGE_CLIENT_SECRET:?}"
state=${MAILLAGE_STATE:-maillage-state}
mkdir -p "$state"
wait=25
[ "${1:-}" = --once ] && wait=0

# A configuration on standard input: a secret on the command line would be seen by every process of the machine.
token() {
  printf 'user = "%s:%s"\n' "$MAILLAGE_CLIENT_ID" "$MAILLAGE_CLIENT_SECRET" |
    curl --fail --silent --show-error --retry 5 --config - --data grant_type=client_credentials "$MAILLAGE_URL/oauth/token" |
    sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/'
}

while :; do
  # A token lives five minutes, a page twenty-five seconds at most.
  bearer=$(token)
  cursor=$(cat "$state/cursor" 2>/dev/null || :)
  printf 'header = "Authorization: Bearer %s"\n' "$bearer" |
    curl --fail --silent --show-error --retry 5 --config - --get --data limit=100 --data "wait=$wait" \
      ${cursor:+--data "after=$cursor"} --output "$state/page.json" "$MAILLAGE_URL/feed"

  # One event a line: here comes your own work (jq makes it pleasant). Attributes come in any order, before `data`.
  awk '
    function pick(text, name) {
      match(text, "\"" name "\":\"[^\"]*\"")
      return substr(text, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
    }
    {
      count = split($0, parts, /,"data":/)
      for (i = 1; i < count; i++) {
        sub(/^.*\{/, "", parts[i])
        print pick(parts[i], "sequence"), pick(parts[i], "id"), pick(parts[i], "type")
      }
    }' "$state/page.json"

  # Only once the page is handled.
  sed 's/.*"cursor" *: *"\([^"]*\)".*/\1/' "$state/page.json" >"$state/cursor.new"
  mv "$state/cursor.new" "$state/cursor"
  if [ "$wait" = 0 ] && ! grep -q '"more":true}$' "$state/page.json"; then break; fi
done
