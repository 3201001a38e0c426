import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { derOf } from '../../harness/ca.ts';
import { runOk } from '../../harness/process.ts';
import { type HeldOpen, holdOpen } from './held-open.ts';
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

/** The OpenSSL inside Node as a peer. */
export function libcryptoPeer(folder: string, program: HeldOpen, rootFile: string): Peer {
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `node-${count}`);
  };
  const save = async (bytes: Buffer): Promise<string> => {
    const path = file();
    await writeFile(path, bytes);
    return path;
  };
  return {
    name: 'node',
    version: `OpenSSL ${process.versions.openssl} in Node`,
    sign: async (row, signer, content, form) => {
      const out = file();
      const { certificateFile, keyFile } = signer;
      const how = [row.digest, form, row.isPss ? 'pss' : '-'];
      await program.ask('sign', await save(content), out, certificateFile, keyFile, ...how);
      return await readFile(out);
    },
    verify: async (_row, cms, content, form) => {
      const out = file();
      const detached = form === 'detached' ? await save(content) : '-';
      await program.ask('verify', await save(cms), detached, rootFile, out);
      return await readFile(out);
    },
    encrypt: async (row, recipient, content) => {
      const out = file();
      const files = [await save(content), out, recipient.certificateFile];
      await program.ask('encrypt', ...files, cipherName(row), howOf(row));
      return await readFile(out);
    },
    decrypt: async (_row, recipient, cms) => {
      const out = file();
      const { certificateFile, keyFile } = recipient;
      await program.ask('decrypt', await save(cms), out, certificateFile, keyFile);
      return await readFile(out);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function howOf({ oaep, kdf, key }: EncryptionRow): string {
  if (oaep !== null) {
    const { hash, mgf1Hash, label } = oaep;
    return ['oaep', hash, mgf1Hash, ...(label === '' ? [] : [label])].join(':');
  }
  return kdf === null || key === 'x25519' ? '-' : `kdf:${kdf}`;
}
