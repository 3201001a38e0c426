#!/usr/bin/env bash
# Shows the README's two commands on a fresh Debian whose own Node is 20: makes a root with
# debootstrap, installs nodejs and npm from Debian, clones HEAD into it and runs them there.
# Needs root and debootstrap. Usage: bash test/fresh-debian.sh [start|test|all]
set -euo pipefail
what=${1:-all}
suite=trixie # Debian 13: nodejs 20
project=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
command -v debootstrap >/dev/null || { echo "needs the Debian package debootstrap"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 1; }

# The mirror, certificates and npm settings of this machine: the project names no host of its own.
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
[ -n "$mirror" ] || { echo "no Debian mirror in the sources of apt"; exit 1; }

root=$(mktemp -d)
chmod 755 "$root" # Postfix and others enter it as users of their own
cleanup() {
  for folder in proc sys dev/pts dev; do umount -l "$root/$folder" 2>/dev/null || true; done
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

echo "== debootstrap $suite"
debootstrap --variant=minbase --include=ca-certificates,git "$suite" "$root" "$mirror" >"$root.log" 2>&1 \
  || { tail -5 "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs sys "$root/sys"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
if [ -f "$HOME/.npmrc" ]; then cp "$HOME/.npmrc" "$root/root/.npmrc"; fi
# Servers do not start by being installed.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"

inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CI="${CI:-}" \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt DEBIAN_FRONTEND=noninteractive \
    bash -c "$1"
}
inside 'apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null'
echo "== node $(inside 'node --version'), npm $(inside 'npm --version')"

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
