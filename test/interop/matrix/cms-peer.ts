import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { derOf } from '../../harness/ca.ts';
import { runOk } from '../../harness/process.ts';
import { type HeldOpen, heldOpenPeer, holdOpen } from './held-open.ts';
import type { Identity, Peer } from './peer.ts';
import { type EncryptionRow, type KeyName, ROWS } from './rows.ts';

const SOURCE = fileURLToPath(new URL('../../harness/cms-peer.c', import.meta.url));

/** `cms-peer.c` in the Node that runs this: its own OpenSSL, and no code of ours. */
export async function startCmsPeer(folder: string): Promise<HeldOpen> {
  const addon = join(folder, 'cms-peer.node');
  await runOk('gcc', ['-O1', '-shared', '-fPIC', '-DADDON', '-o', addon, SOURCE]);
  return holdOpen(process.execPath, [
    '-e',
    `process.dlopen({ exports: {} }, ${JSON.stringify(addon)})`,
  ]);
}

const SIGNING = 'critical,digitalSignature';

function requestOf(key: KeyName): readonly [algorithm: string, group: string, usage: string] {
  switch (key) {
    case 'rsa':
      return ['RSA', '2048', `${SIGNING},keyEncipherment`];
    case 'p256':
    case 'p384':
    case 'p521':
      return ['EC', `P-${key.slice(1)}`, `${SIGNING},keyAgreement`];
    case 'x25519':
      return ['X25519', '-', 'critical,keyAgreement'];
    case 'ml-kem-512':
    case 'ml-kem-768':
    case 'ml-kem-1024':
      return [key.toUpperCase(), '-', 'critical,keyEncipherment'];
    default:
      return [key.toUpperCase(), '-', SIGNING];
  }
}

export interface Identities {
  readonly rootFile: string;
  readonly of: (key: KeyName) => Identity;
}

/** A root and one leaf for each kind of key in the table. */
export async function makeIdentities(folder: string, maker: HeldOpen): Promise<Identities> {
  const rootFile = join(folder, 'root.pem');
  await maker.ask('root', rootFile, join(folder, 'root.key'));
  const made = new Map<KeyName, Identity>();
  for (const key of new Set(ROWS.map((row) => row.key))) {
    const [certificateFile, keyFile] = [join(folder, `${key}.pem`), join(folder, `${key}.key`)];
    await maker.ask('issue', certificateFile, keyFile, ...requestOf(key), `${key}@peer.example`);
    const der = derOf(await readFile(certificateFile, 'latin1'));
    made.set(key, { key, certificateFile, keyFile, der });
  }
  return {
    rootFile,
    of: (key) => {
      const identity = made.get(key);
      if (identity === undefined) throw new Error(`no certificate for ${key}`);
      return identity;
    },
  };
}

/** OpenSSL's name of a content cipher. */
export function cipherName({ content }: EncryptionRow): string {
  const [, bits] = /^aes(\d+)-gcm$/.exec(content) ?? [];
  if (bits !== undefined) return `id-aes${bits}-GCM`;
  return content.replace(/^aes/, 'aes-');
}

/** The OpenSSL inside Node as a peer. Who made the program ends it. */
export function libcryptoPeer(folder: string, program: HeldOpen, rootFile: string): Peer {
  const peer = heldOpenPeer({
    name: 'node',
    version: `OpenSSL ${process.versions.openssl} in Node`,
    program,
    folder,
    rootFile,
    signWords: (row, form) => [row.digest, form, row.isPss ? 'pss' : '-'],
    encryptWords: (row) => [cipherName(row), howOf(row)],
  });
  return { ...peer, [Symbol.asyncDispose]: async () => undefined };
}

function howOf({ oaep, kdf, key }: EncryptionRow): string {
  if (oaep !== null) {
    const { hash, mgf1Hash, label } = oaep;
    return ['oaep', hash, mgf1Hash, ...(label === '' ? [] : [label])].join(':');
  }
  return kdf === null || key === 'x25519' ? '-' : `kdf:${kdf}`;
}
