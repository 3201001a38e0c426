import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOk } from './process.ts';

/** A certificate and its key as PEM files, and as text. */
export interface Issued {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly pem: string;
  readonly der: Buffer;
}

interface IssueOptions {
  readonly name: string;
  readonly commonName: string;
  readonly key?: 'rsa' | 'ec';
  /** Lines of an OpenSSL extension section. */
  readonly extensions: readonly string[];
  /** `YYMMDDHHMMSSZ`; otherwise valid from now on, for 30 days. */
  readonly notBefore?: string;
  readonly notAfter?: string;
}

/** A certification authority that is the OpenSSL command line alone: no code of ours. */
export interface TestCa extends Issued {
  issue(options: IssueOptions): Promise<Issued>;
  issueServer(name: string, dnsNames: readonly string[]): Promise<Issued>;
  issueAuthority(
    role: 'domain-signing-authority' | 'domain-confidentiality-authority',
    domain: string,
    options?: Partial<IssueOptions> & { readonly mailbox?: string },
  ): Promise<Issued>;
}

const KEYS = {
  rsa: ['-newkey', 'rsa:2048'],
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
} as const;

export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

async function loaded(certificateFile: string, keyFile: string): Promise<Issued> {
  const pem = await readFile(certificateFile, 'utf8');
  return { certificateFile, keyFile, pem, der: derOf(pem) };
}

/** Makes a root in a folder. */
export async function makeCa(folder: string, commonName = 'Test CA'): Promise<TestCa> {
  const at = (file: string): string => join(folder, file);
  const root = await runOk('openssl', [
    'req',
    '-x509',
    ...KEYS.ec,
    '-nodes',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    `/CN=${commonName}`,
    '-days',
    '30',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ]).then(() => loaded(at('ca.pem'), at('ca.key')));
  const issue = (options: IssueOptions): Promise<Issued> => issueBy(folder, options);
  return {
    ...root,
    issue,
    issueServer: (name, dnsNames) =>
      issue({
        name,
        commonName: dnsNames[0] ?? name,
        key: 'ec',
        extensions: [
          `subjectAltName=${[...dnsNames.map((one) => `DNS:${one}`), 'IP:127.0.0.1'].join(',')}`,
          'extendedKeyUsage=serverAuth,clientAuth',
        ],
      }),
    issueAuthority: (role, domain, options = {}) =>
      issue({
        name: options.name ?? `${role}-${domain}`,
        commonName: role,
        extensions: [
          `subjectAltName=email:${options.mailbox ?? `${role}@${domain}`}`,
          'extendedKeyUsage=emailProtection',
          `keyUsage=critical,${role === 'domain-signing-authority' ? 'digitalSignature' : 'keyEncipherment'}`,
        ],
        ...options,
      }),
  };
}

async function issueBy(folder: string, options: IssueOptions): Promise<Issued> {
  const at = (end: string): string => join(folder, `${options.name}.${end}`);
  await runOk('openssl', [
    'req',
    ...KEYS[options.key ?? 'rsa'],
    '-nodes',
    '-keyout',
    at('key'),
    '-out',
    at('csr'),
    '-subj',
    `/CN=${options.commonName}`,
  ]);
  const extensions = [
    '[leaf]',
    'basicConstraints=critical,CA:FALSE',
    ...options.extensions,
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
  ];
  const issuer = ['-cert', join(folder, 'ca.pem'), '-keyfile', join(folder, 'ca.key')];
  // `openssl ca` is the only OpenSSL 3.0 command that sets both dates.
  const config = [
    '[ca]',
    'default_ca=own',
    '[own]',
    `database=${at('index')}`,
    `new_certs_dir=${folder}`,
    'default_md=sha256',
    'policy=any',
    'unique_subject=no',
    'rand_serial=yes',
    '[any]',
    'commonName=supplied',
    ...extensions,
  ];
  await writeFile(at('cnf'), `${config.join('\n')}\n`);
  await writeFile(at('index'), '');
  await runOk('openssl', [
    'ca',
    '-batch',
    '-notext',
    '-config',
    at('cnf'),
    ...issuer,
    '-in',
    at('csr'),
    '-out',
    at('pem'),
    '-extensions',
    'leaf',
    ...(options.notBefore === undefined ? [] : ['-startdate', options.notBefore]),
    ...(options.notAfter === undefined ? ['-days', '30'] : ['-enddate', options.notAfter]),
  ]);
  await runOk('chmod', ['644', at('pem')]);
  return await loaded(at('pem'), at('key'));
}

/** A word that is in no other file of the machine. */
export function canaryWord(): string {
  return `canary${randomBytes(12).toString('hex')}`;
}
