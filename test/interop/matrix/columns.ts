import { temporaryFolder } from '../../harness/folder.ts';
import { skipWithout } from '../../harness/install-peers.ts';
import { bouncyCastlePeer } from './bouncy-castle-peer.ts';
import { libcryptoPeer, makeIdentities, startCmsPeer } from './cms-peer.ts';
import { gpgsmPeer } from './gpgsm-peer.ts';
import { type MatrixWorld, tryRow } from './matrix.ts';
import { nssPeer } from './nss-peer.ts';
import { opensslPeer } from './openssl-peer.ts';
import { own } from './own.ts';
import type { Peer, PeerName } from './peer.ts';
import { difference, readRecorded } from './record.ts';
import type { KeyName, Row } from './rows.ts';

/** Kinds of key that gpgsm and NSS are offered; whether they take them is their affair. */
const OFFERED: readonly KeyName[] = ['rsa', 'p256', 'p384', 'p521', 'ed25519'];

/** Debian packages that a column needs beside those of all columns. */
const PACKAGES: Readonly<Record<PeerName, readonly string[]>> = {
  openssl: [],
  node: [],
  gpgsm: ['gpgsm', 'gpg-agent'],
  nss: ['libnss3-tools'],
  'bouncy-castle': ['libbcmail-java', 'default-jdk-headless'],
};

/** OpenSSL makes all certificates, in the Node that runs this. */
const COMMON_PACKAGES = ['gcc', 'libc6-dev', 'libssl-dev', 'openssl'];

/** A reason to leave a column out, where its packages are not installed. */
export function skipColumn(name: PeerName): string | false {
  return skipWithout(...COMMON_PACKAGES, ...PACKAGES[name]);
}

/** One peer with its keys in a folder of its own. */
export interface Column extends AsyncDisposable {
  readonly peer: Peer;
  readonly world: MatrixWorld;
}

export async function startColumn(name: PeerName): Promise<Column> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder(`im-${name.slice(0, 4)}`)).path;
  const program = stack.use(await startCmsPeer(folder));
  const identities = await makeIdentities(folder, program);
  const control = libcryptoPeer(folder, program, identities.rootFile);
  const start = (): Promise<Peer> | Peer => {
    switch (name) {
      case 'openssl':
        return opensslPeer(folder, identities.rootFile);
      case 'gpgsm':
        return gpgsmPeer(folder, identities, OFFERED);
      case 'nss':
        return nssPeer(folder, identities, OFFERED);
      case 'bouncy-castle':
        return bouncyCastlePeer(folder, identities.rootFile);
      default:
        return control;
    }
  };
  const peer = stack.use(await start());
  const kept = stack.move();
  return {
    peer,
    world: { identities, own, control },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/**
 * Tries a row in both directions.
 *
 * @returns what is not as docs/reference/interop.md says; null if nothing.
 * @throws Mismatch where both can and do not agree.
 */
export async function rowDifference({ peer, world }: Column, row: Row): Promise<string | null> {
  return difference(readRecorded(), row, peer, await tryRow(row, peer, world));
}
