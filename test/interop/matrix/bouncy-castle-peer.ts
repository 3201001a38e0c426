import { fileURLToPath } from 'node:url';
import { CONTENT_ALGORITHMS } from '../../../packages/cms/src/algorithms.ts';
import { CURVES, KDF_BY_OID } from '../../../packages/cms/src/algorithms-keys.ts';
import { heldOpenPeer, holdOpen } from './held-open.ts';
import { NoPeer, type Peer } from './peer.ts';
import type { EncryptionRow, SignatureRow } from './rows.ts';

const SOURCE = fileURLToPath(new URL('../../harness/BouncyCastlePeer.java', import.meta.url));
const JARS = ['bcprov', 'bcutil', 'bcpkix', 'bcmail'].map((name) => `/usr/share/java/${name}.jar`);

/** Bouncy Castle, by a Java program that is held open. */
export async function bouncyCastlePeer(folder: string, rootFile: string): Promise<Peer> {
  const program = holdOpen('java', ['-cp', JARS.join(':'), SOURCE]);
  const version = await program.line();
  const peer = heldOpenPeer({
    name: 'bouncy-castle',
    version: `Bouncy Castle ${version}`,
    program,
    folder,
    rootFile,
    signWords: (row, form) => [jcaName(row), form],
    encryptWords: (row) => [CONTENT_ALGORITHMS[row.content].oid, howOf(row)],
  });
  return { ...peer, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

function jcaName({ key, digest, isPss }: SignatureRow): string {
  const hash = digest.toUpperCase();
  if (key === 'rsa') return `${hash}WITHRSA${isPss ? 'ANDMGF1' : ''}`;
  if (key.startsWith('p')) return `${hash}WITHECDSA`;
  return key === 'ed25519' ? 'Ed25519' : key.toUpperCase();
}

function howOf({ oaep, kdf, key }: EncryptionRow): string {
  if (oaep !== null) {
    const dashed = (hash: string): string => hash.toUpperCase().replace('SHA', 'SHA-');
    const label = oaep.label === '' ? [] : [oaep.label];
    return ['oaep', dashed(oaep.hash), dashed(oaep.mgf1Hash), ...label].join(':');
  }
  if (kdf === null) {
    if (key === 'rsa') return '-';
    throw new NoPeer(`Bouncy Castle has no ${key}`);
  }
  const kind = key === 'x25519' ? 'hkdf' : 'x963';
  const oid = [...KDF_BY_OID].find(([, one]) => one.kind === kind && one.hash === kdf)?.[0];
  return `agree:${oid ?? ''}:${key in CURVES && key === 'x25519' ? 'X25519' : key}`;
}
