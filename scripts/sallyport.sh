#!/bin/sh
# The program of units and containers: main.ts on the Node that npm ci brought, in place of this shell.
# That Node is found by its package: Debian's npm puts no link to it into node_modules/.bin.
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
for node in "$root"/node_modules/node-linux-*/bin/node; do
  if [ -x "$node" ]; then exec "$node" "$root/services/cli/src/main.ts" "$@"; fi
done
echo "There is no Node in $root/node_modules: run npm ci." >&2
exit 1
