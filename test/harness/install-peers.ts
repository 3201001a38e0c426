import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';

/** A Debian package and a file by which to tell that it is there. */
interface Peer {
  readonly packageName: string;
  readonly file: string;
}

/** Everything that the tests talk to, by the name of its Debian package. */
const PEERS: readonly Peer[] = [
  { packageName: 'postfix', file: '/usr/sbin/postfix' },
  { packageName: 'slapd', file: '/usr/sbin/slapd' },
  { packageName: 'ldap-utils', file: '/usr/bin/ldapsearch' },
  { packageName: 'redis-server', file: '/usr/bin/redis-server' },
  { packageName: 'nsd', file: '/usr/sbin/nsd' },
  { packageName: 'unbound', file: '/usr/sbin/unbound' },
  { packageName: 'bind9-dnsutils', file: '/usr/bin/dig' },
  { packageName: 'ldnsutils', file: '/usr/bin/ldns-signzone' },
  { packageName: 'clamav-daemon', file: '/usr/sbin/clamd' },
  { packageName: 'curl', file: '/usr/bin/curl' },
  { packageName: 'openssl', file: '/usr/bin/openssl' },
  { packageName: 'gpgsm', file: '/usr/bin/gpgsm' },
  { packageName: 'gpg-agent', file: '/usr/bin/gpg-agent' },
  { packageName: 'libnss3-tools', file: '/usr/bin/cmsutil' },
  { packageName: 'swaks', file: '/usr/bin/swaks' },
  { packageName: 'libnet-ssleay-perl', file: '/usr/share/doc/libnet-ssleay-perl/copyright' },
  { packageName: 'python3-dkim', file: '/usr/bin/dkimverify' },
  { packageName: 'python3-nacl', file: '/usr/lib/python3/dist-packages/nacl/__init__.py' },
  { packageName: 'gcc', file: '/usr/bin/gcc' },
  { packageName: 'g++', file: '/usr/bin/g++' },
  { packageName: 'softhsm2', file: '/usr/bin/softhsm2-util' },
  { packageName: 'libssl-dev', file: '/usr/include/openssl/cms.h' },
  { packageName: 'libc6-dev', file: '/usr/include/stdio.h' },
  { packageName: 'chromium', file: '/usr/bin/chromium' },
  { packageName: 'prometheus', file: '/usr/bin/promtool' },
];

/** Large ones, for runs that ask for them alone. */
const JAVA_PEERS: readonly Peer[] = [
  { packageName: 'default-jdk-headless', file: '/usr/bin/javac' },
  { packageName: 'libbcmail-java', file: '/usr/share/java/bcmail.jar' },
];

/** The packages that are not installed. */
function missingPeers(peers: readonly Peer[] = [...PEERS, ...JAVA_PEERS]): readonly string[] {
  return peers.filter((peer) => !existsSync(peer.file)).map((peer) => peer.packageName);
}

/**
 * A reason to skip a test that needs these packages; false if all are there. In CI a missing peer
 * is a failure, so nothing is skipped there.
 */
export function skipWithout(...packageNames: readonly string[]): string | false {
  const missing = missingPeers().filter((name) => packageNames.includes(name));
  if (missing.length === 0 || process.env['CI'] === 'true') return false;
  return `needs the Debian packages ${missing.join(', ')}`;
}

/** Installs what is missing, if this is Debian and we are root; says so otherwise. */
export function installPeers(options: { readonly withJava: boolean }): void {
  const missing = missingPeers(options.withJava ? undefined : PEERS);
  if (missing.length === 0) return;
  const isDebian = existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
  if (!isDebian || process.getuid?.() !== 0) {
    process.stderr.write(`Tests that need ${missing.join(', ')} will be skipped.\n`);
    return;
  }
  process.stderr.write(`Installing ${missing.join(', ')} …\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]): number | null =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status;
  apt('update', '-qq');
  // Servers are started by the tests alone: a policy that denies starts keeps the machine quiet.
  if (apt('install', '-y', '-qq', '--no-install-recommends', ...missing) !== 0) {
    process.stderr.write(`apt-get could not install all of ${missing.join(', ')}.\n`);
  }
}
