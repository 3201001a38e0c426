import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOk } from '../../harness/process.ts';
import { cipherName } from './cms-peer.ts';
import { NoPeer, type Peer } from './peer.ts';
import type { EncryptionRow } from './rows.ts';

/** The OpenSSL command line: what an administrator has at hand. */
export async function opensslPeer(folder: string, rootFile: string): Promise<Peer> {
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `openssl-${count}`);
  };
  const cms = async (input: Buffer, ...args: readonly string[]): Promise<Buffer> => {
    const [from, to] = [file(), file()];
    await writeFile(from, input);
    const result = await run('openssl', ['cms', ...args, '-binary', '-in', from, '-out', to]);
    if (result.code !== 0) throw new NoPeer(result.stderr.split('\n').slice(0, 2).join(' '));
    return await readFile(to);
  };
  const version = String(await runOk('openssl', ['version']))
    .split(' ')
    .slice(0, 2);
  return {
    name: 'openssl',
    version: version.join(' '),
    sign: async (row, signer, content, form) => {
      const key = ['-signer', signer.certificateFile, '-inkey', signer.keyFile];
      const padding = row.isPss
        ? ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:digest']
        : [];
      const shape = form === 'opaque' ? ['-nodetach'] : [];
      const how = ['-sign', '-outform', 'DER', '-md', row.digest, ...shape];
      return await cms(content, ...how, ...key, ...padding);
    },
    verify: async (_row, bytes, content, form) => {
      const detached = file();
      await writeFile(detached, content);
      const how = ['-verify', '-inform', 'DER', '-CAfile', rootFile, '-purpose', 'smimesign'];
      const beside = form === 'detached' ? ['-content', detached] : [];
      return await cms(bytes, ...how, ...beside);
    },
    encrypt: async (row, recipient, content) => {
      const how = ['-encrypt', '-outform', 'DER', `-${cipherName(row)}`];
      const to = ['-recip', recipient.certificateFile, ...keyOptions(row)];
      return await cms(content, ...how, ...to);
    },
    decrypt: async (_row, recipient, bytes) => {
      const key = ['-recip', recipient.certificateFile, '-inkey', recipient.keyFile];
      return await cms(bytes, '-decrypt', '-inform', 'DER', ...key);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function keyOptions({ oaep, kdf, key }: EncryptionRow): string[] {
  if (oaep !== null) {
    const label = oaep.label === '' ? [] : ['-keyopt', `rsa_oaep_label:${oaep.label}`];
    const hashes = [`rsa_oaep_md:${oaep.hash}`, `rsa_mgf1_md:${oaep.mgf1Hash}`];
    return [
      ...['-keyopt', 'rsa_padding_mode:oaep'],
      ...hashes.flatMap((one) => ['-keyopt', one]),
      ...label,
    ];
  }
  return kdf === null || key === 'x25519' ? [] : ['-keyopt', `ecdh_kdf_md:${kdf}`];
}
