import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONTENT_ALGORITHMS } from '../../../packages/cms/src/algorithms.ts';
import { CURVES, KDF_BY_OID } from '../../../packages/cms/src/algorithms-keys.ts';
import { type HeldOpen, holdOpen } from './held-open.ts';
import { NoPeer, type Peer } from './peer.ts';
import type { EncryptionRow, SignatureRow } from './rows.ts';

const SOURCE = fileURLToPath(new URL('../../harness/BouncyCastlePeer.java', import.meta.url));
const JARS = ['bcprov', 'bcutil', 'bcpkix', 'bcmail'].map((name) => `/usr/share/java/${name}.jar`);

/** Bouncy Castle, by a Java program that is held open. */
export async function bouncyCastlePeer(folder: string, rootFile: string): Promise<Peer> {
  const program: HeldOpen = holdOpen('java', ['-cp', JARS.join(':'), SOURCE]);
  const version = await program.line();
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `java-${count}`);
  };
  const save = async (bytes: Buffer): Promise<string> => {
    const path = file();
    await writeFile(path, bytes);
    return path;
  };
  return {
    name: 'bouncy-castle',
    version: `Bouncy Castle ${version}`,
    sign: async (row, signer, content, form) => {
      const out = file();
      const { certificateFile, keyFile } = signer;
      const how = [jcaName(row), form];
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
      await program.ask('encrypt', ...files, CONTENT_ALGORITHMS[row.content].oid, howOf(row));
      return await readFile(out);
    },
    decrypt: async (_row, recipient, cms) => {
      const out = file();
      const { certificateFile, keyFile } = recipient;
      await program.ask('decrypt', await save(cms), out, certificateFile, keyFile);
      return await readFile(out);
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
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
