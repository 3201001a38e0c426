#!/usr/bin/env bash
# Shows the README's two commands on a fresh Debian whose own Node is 20: makes a root with
# debootstrap, installs nodejs and npm from Debian, clones HEAD into it and runs them there.
# Needs root and debootstrap. Usage: bash test/fresh-debian.sh [start|test|all]
set -euo pipefail
what=${1:-all}
. "$(dirname "$0")/debian-root.sh"
make_root trixie # Debian 13: nodejs 20

git clone -q "$project" "$root/srv/main"
if [ -d "$project/../shared" ]; then cp -r "$project/../shared" "$root/srv/shared"; fi
run() {
  local started=$SECONDS
  inside "cd /srv/main && $1"
  echo "== $1: $((SECONDS - started)) s"
}
run 'npm ci'
[ "$what" = test ] || run 'npm start -- --once'
[ "$what" = start ] || run 'npm test'
echo "a fresh Debian holds"
