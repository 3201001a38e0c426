#!/usr/bin/env bash
# Runs the units of deploy/ under a live systemd: a fresh Debian 12 (systemd 252) in namespaces of its
# own, set up with the commands of docs/operations.md ("Under systemd"), then looked at from inside by
# test/live-systemd.ts: real SMTP, the journal, the sandbox, restarts. The working tree is tried.
# Needs root, debootstrap and a cgroup2 mount; takes about 5 minutes. Nothing of it stays.
# Usage: bash test/live-systemd.sh
set -euo pipefail
. "$(dirname "$0")/debian-root.sh"
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroup2" ] || { echo "needs a cgroup2 mount"; exit 1; }
group="$cgroup2/sallyport-live-$$"
manager=

cleanup() {
  if [ -n "$manager" ]; then kill -KILL "$manager" 2>/dev/null || true; fi
  for _ in $(seq 50); do
    if [ ! -d "$group" ]; then break; fi
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
  remove_root
}
trap cleanup EXIT

make_root bookworm
inside 'apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus >/dev/null'
mkdir -p "$root/opt/sallyport"
git -C "$project" ls-files -z --cached --others --exclude-standard \
  | tar -C "$project" --null --ignore-failed-read -cf - -T - 2>/dev/null | tar -C "$root/opt/sallyport" -xf -
echo "== npm ci"
inside 'cd /opt/sallyport && npm ci --omit=dev --ignore-scripts >/dev/null 2>&1'
unmount_root
rm "$root/usr/sbin/policy-rc.d"

# What is typed, from the docs: the blocks of the section, and no others.
snippet() {
  awk -v wanted="$1" '/^## / { on = ($0 == "## Under systemd") } !on { next }
    /^```/ { if (open) { open = 0 } else { open = 1; count += 1 } next }
    open && count == wanted' "$project/docs/operations.md"
}
echo 'a passphrase of a trial' >"$root/srv/passphrase" && chmod 600 "$root/srv/passphrase"
snippet 1 | sed 's#sallyport init #&--passphrase-file ../../srv/passphrase #' >"$root/srv/install.sh"
snippet 2 | grep -v doctor >"$root/srv/start.sh"

# PID 1 of a Debian with nothing of this machine but its kernel: no network but a loopback of its own.
cat >"$root/boot.sh" <<'BOOT'
set -e
echo $$ >"$group/cgroup.procs"
exec unshare --cgroup --net bash -c '
set -e
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sys "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node" && mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --make-rshared "$root"
exec /usr/bin/env -i container=sallyport PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  unshare --root="$root" --wd=/ /lib/systemd/systemd --system --log-target=journal'
BOOT
mkdir "$group"
export group root
unshare --pid --fork --mount --uts --ipc bash "$root/boot.sh" >"$root/console.log" 2>&1 &
parent=$!
for _ in $(seq 100); do
  manager=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null | tr -d ' ') && [ -n "$manager" ] && break
  sleep 0.1
done

live() {
  nsenter -t "$manager" --all --root --wd /usr/bin/env -i HOME=/root TERM=dumb SYSTEMD_PAGER= \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -euc "$1"
}
for _ in $(seq 100); do
  live 'systemctl is-system-running' 2>/dev/null | grep -qE 'running|degraded' && break
  sleep 0.3
done
echo "== $(live 'systemctl --version' | head -1): $(live 'systemctl is-system-running')"
live 'cd /opt/sallyport && bash -e ../../srv/install.sh >/dev/null'
live 'cd /opt/sallyport && node_modules/node-linux-*/bin/node test/live-systemd.ts configure'
live 'cd /opt/sallyport && bash -e ../../srv/start.sh 2>/dev/null'
live 'cd /opt/sallyport && node_modules/node-linux-*/bin/node test/live-systemd.ts look'
echo "the units hold under a live systemd"
