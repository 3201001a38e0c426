import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOk } from '../harness/process.ts';

export type KeyName = 'rsa2048' | 'rsa3072' | 'p256';

/** PEM files of an anchor and of one leaf of each kind. */
export interface BenchKeys {
  readonly anchor: string;
  readonly leaf: Readonly<Record<KeyName, { readonly certificate: string; readonly key: string }>>;
}

const NEW_KEY: Readonly<Record<KeyName, readonly string[]>> = {
  rsa2048: ['-newkey', 'rsa:2048'],
  rsa3072: ['-newkey', 'rsa:3072'],
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
};

/** An RSA-3072 root and leaves that may sign and receive, as the reference measurement had them. */
export async function makeKeys(folder: string): Promise<BenchKeys> {
  const at = (file: string): string => join(folder, file);
  const request = (name: string, ...args: readonly string[]): Promise<Buffer> =>
    runOk('openssl', ['req', '-nodes', '-keyout', at(`${name}.key`), ...args]);
  const root = ['-x509', '-newkey', 'rsa:3072', '-days', '30', '-subj', '/CN=bench root'];
  const usage = 'keyUsage=critical,keyCertSign,cRLSign';
  await request('root', ...root, '-addext', usage, '-out', at('root.pem'));
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    'extendedKeyUsage=emailProtection',
    'keyUsage=critical,digitalSignature,keyEncipherment,keyAgreement',
    'subjectAltName=email:someone@bench.example',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
  ];
  await writeFile(at('leaf.cnf'), `${extensions.join('\n')}\n`);
  const issue = async (name: KeyName): Promise<{ certificate: string; key: string }> => {
    await request(name, ...NEW_KEY[name], '-subj', '/CN=someone', '-out', at(`${name}.csr`));
    const issuer = ['-CA', at('root.pem'), '-CAkey', at('root.key'), '-CAcreateserial'];
    const how = ['-req', '-days', '30', '-extfile', at('leaf.cnf'), ...issuer];
    await runOk('openssl', ['x509', ...how, '-in', at(`${name}.csr`), '-out', at(`${name}.pem`)]);
    return { certificate: at(`${name}.pem`), key: at(`${name}.key`) };
  };
  return {
    anchor: at('root.pem'),
    leaf: {
      rsa2048: await issue('rsa2048'),
      rsa3072: await issue('rsa3072'),
      p256: await issue('p256'),
    },
  };
}

/** A MIME entity of exactly this size: base64 in lines of 76, CR LF. */
export async function writeEntity(path: string, sizeBytes: number): Promise<void> {
  const header =
    'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n';
  const encoded = randomBytes(Math.ceil(sizeBytes * 0.75)).toString('base64');
  const lines = encoded.match(/.{1,76}/g) ?? [];
  const body = lines.join('\r\n').slice(0, sizeBytes - header.length - 2);
  await writeFile(path, `${header}${body.replace(/\r$/, 'A')}\r\n`, 'latin1');
}
