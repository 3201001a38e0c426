# Sourced by the scripts that try the project in a Debian of their own: makes a root with debootstrap,
# which goes when the script ends. Needs root and the Debian package debootstrap.
project=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
command -v debootstrap >/dev/null || { echo "needs the Debian package debootstrap"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 1; }

# The mirror, certificates and npm settings of this machine: the project names no host of its own.
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
[ -n "$mirror" ] || { echo "no Debian mirror in the sources of apt"; exit 1; }

root=$(mktemp -d)
chmod 755 "$root" # Postfix and others enter it as users of their own
unmount_root() {
  for folder in proc sys dev/pts dev; do umount -l "$root/$folder" 2>/dev/null || true; done
}
remove_root() {
  unmount_root
  rm -rf --one-file-system "$root"
}
trap remove_root EXIT

# bootstrap SUITE: a small Debian, and nothing that runs in it yet.
bootstrap() {
  echo "== debootstrap $1"
  debootstrap --variant=minbase --include=ca-certificates,git "$1" "$root" "$mirror" >"$root.log" 2>&1 \
    || { tail -5 "$root.log"; exit 1; }
  rm -f "$root.log"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
}

# make_root SUITE: the same with Node and npm of its own, for commands to be run `inside`.
make_root() {
  bootstrap "$1"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t sysfs sys "$root/sys"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  if [ -f "$HOME/.npmrc" ]; then cp "$HOME/.npmrc" "$root/root/.npmrc"; fi
  # Servers do not start by being installed.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
  inside 'apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null'
  echo "== node $(inside 'node --version'), npm $(inside 'npm --version')"
}

# inside COMMAND: in the root, with an environment of its own.
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CI="${CI:-}" \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt DEBIAN_FRONTEND=noninteractive \
    bash -c "$1"
}
