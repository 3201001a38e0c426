#!/usr/bin/env bash
# Builds the images of deploy/container with buildah and runs the gateway's: init, serve, /readyz, stop.
# No image is pulled: a Debian of debootstrap takes the place of debian:bookworm-slim. The compose file
# is not run. Needs root and the Debian packages debootstrap and buildah; takes about 5 minutes.
# Usage: bash test/container-image.sh
set -euo pipefail
command -v buildah >/dev/null || { echo "needs the Debian package buildah"; exit 1; }
. "$(dirname "$0")/debian-root.sh"
store=$(mktemp -d)
trap 'b rm --all >/dev/null 2>&1 || true; rm -rf "$store"; remove_root' EXIT
b() { buildah --root "$store/images" --runroot "$store/run" --storage-driver vfs "$@"; }

bootstrap bookworm
base=$(b from scratch)
cp -a "$root/." "$(b mount "$base")/"
b umount "$base" >/dev/null
b commit -q "$base" docker.io/library/debian:bookworm-slim >/dev/null
b rm "$base" >/dev/null
build() { # FOLDER FILE NAME
  echo "== $2"
  (cd "$1" && b bud --pull-never --isolation=chroot --network=host -f "$2" -t "$3" . >"$store/log" 2>&1) \
    || { tail -20 "$store/log"; exit 1; }
}
build "$project" deploy/container/Containerfile sallyport
build "$project/deploy/container" Containerfile.unbound unbound
unbound=$(b from --pull-never localhost/unbound)
b run --isolation=chroot "$unbound" -- unbound-checkconf /etc/unbound/unbound.conf

cat >"$store/try.sh" <<'TRY'
set -e
cd /opt/sallyport
test "$(id -u):$(id -g)" = 10025:10025
umask 077 && mkdir /tmp/etc && echo 'a passphrase of a trial' >/tmp/passphrase
scripts/sallyport.sh init --domain acme.example --dir /tmp/etc/gw --runtime-dir /run/sallyport/r \
  --passphrase-file /tmp/passphrase >/dev/null
# Ports that this account may have.
sed -i -E 's/0\.0\.0\.0:(25|80|389|443|587)"/127.0.0.1:13\1"/; s/127\.0\.0\.1:10025"/127.0.0.1:13026"/
  s/127\.0\.0\.1:8443"/127.0.0.1:13844"/; s/127\.0\.0\.1:9464"/127.0.0.1:13946"/' /tmp/etc/gw/gateway.yaml
scripts/sallyport.sh serve --config /tmp/etc/gw/gateway.yaml 2>/tmp/log & gateway=$!
trap 'kill $gateway 2>/dev/null || true' EXIT
for _ in $(seq 240); do grep -q gateway.ready /tmp/log && break; sleep 0.5; done
node_modules/node-linux-*/bin/node -e "fetch('http://127.0.0.1:13946/readyz').then(async (answer) => {
  console.log(await answer.text());
  process.exit(answer.status === 200 ? 0 : 1);
})" || { cat /tmp/log; exit 1; }
kill $gateway && wait $gateway
TRY
container=$(b from --pull-never localhost/sallyport)
b copy -q "$container" "$store/try.sh" /try.sh >/dev/null
b run --isolation=chroot --network=host "$container" -- bash /try.sh
echo "the images hold"
