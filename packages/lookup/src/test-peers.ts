/** Real directories for the tests: slapd and our own responder, each in its own folder and ports. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { der, OID } from '@sallyport/der';
import {
  formatPemCertificate,
  generateKeyPairPem,
  issueCertificate,
  issueTlsServer,
  parseCertificate,
} from '@sallyport/pki';
import { freePort } from '@sallyport/test/ports';

const READY_TRIES = 100;
const DIRECTORY_MAIN = fileURLToPath(
  new URL('../../../services/directory/src/main.ts', import.meta.url),
);

/** Why a test with slapd cannot run here, or false. */
export const noSlapd = existsSync('/usr/sbin/slapd') ? false : 'package slapd is not installed';

/** A self-signed certificate for mail. */
export function makeCertificate(cn: string, email: string): Buffer {
  return issueCertificate({
    subject: { cn },
    privateKey: generateKeyPairPem('ec-p256').privateKeyPem,
    notBefore: new Date(Date.now() - 3_600_000),
    days: 10,
    emails: [email],
  });
}

/** PKCS#7 certs-only, as userSMIMECertificate holds it. */
export function certsOnly(...certificates: Buffer[]): Buffer {
  return der.sequence(
    der.oid(OID.signedData),
    der.explicit(
      0,
      der.sequence(
        der.integer(1),
        der.setOf([]),
        der.sequence(der.oid(OID.data)),
        der.implicit(0, der.set(...certificates)),
        der.setOf([]),
      ),
    ),
  );
}

export interface ServerTls {
  readonly anchor: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A test CA and a server certificate of it, as files in the folder. */
export async function makeServerTls(folder: string, name: string): Promise<ServerTls> {
  const notBefore = new Date(Date.now() - 3_600_000);
  const ca = generateKeyPairPem('ec-p256');
  const caDer = issueCertificate({
    subject: { cn: 'Test CA' },
    privateKey: ca.privateKeyPem,
    notBefore,
    days: 10,
    ca: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
  });
  const parsed = parseCertificate(caDer);
  assert.ok(parsed.kind === 'certificate');
  const server = generateKeyPairPem('ec-p256');
  const certificate = issueTlsServer({
    commonName: name,
    dnsNames: [name],
    ips: ['127.0.0.1'],
    spki: server.spki,
    issuer: { certificate: parsed.value, privateKey: ca.privateKeyPem },
    notBefore,
    days: 10,
  });
  const certificateFile = join(folder, 'server.pem');
  const keyFile = join(folder, 'server.key');
  await writeFile(certificateFile, formatPemCertificate(certificate));
  await writeFile(keyFile, server.privateKeyPem);
  return { anchor: formatPemCertificate(caDer), certificateFile, keyFile };
}

export interface Peer extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  /** Of our own directory. */
  readonly httpPort?: number;
  readonly anchor: string;
  stop(): Promise<void>;
}

function peer(child: ChildProcess, facts: Omit<Peer, 'stop' | typeof Symbol.asyncDispose>): Peer {
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await rm(facts.folder, { recursive: true, force: true });
  };
  return { ...facts, stop, [Symbol.asyncDispose]: stop };
}

/** One entry of a directory. */
export interface TestEntry {
  readonly mail: string;
  readonly attribute: string;
  readonly values: readonly Buffer[];
  /** Beside inetOrgPerson. */
  readonly auxiliary?: string;
}

const BASE = 'dc=bravo,dc=example';

/** The one who may bind to a slapd that was started with a password. */
export const SLAPD_DN = `cn=reader,${BASE}`;

/** OpenLDAP with the entries, LDAP with StartTLS and LDAPS; readable only after a bind if a password is given. */
export async function startSlapd(
  entries: readonly TestEntry[],
  password: string | null = null,
): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-slapd-'));
  await mkdir(join(folder, 'db'));
  const tls = await makeServerTls(folder, 'ldap.bravo.example');
  const config = [
    ...['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    `pidfile ${folder}/pid`,
    `argsfile ${folder}/args`,
    `TLSCertificateFile ${tls.certificateFile}`,
    `TLSCertificateKeyFile ${tls.keyFile}`,
    'database mdb',
    'maxsize 10485760',
    `suffix "${BASE}"`,
    `directory ${folder}/db`,
    'index mail,objectClass eq',
    ...(password === null
      ? ['access to * by * read']
      : [`rootdn "${SLAPD_DN}"`, `rootpw ${password}`, 'access to * by * none']),
  ];
  await writeFile(join(folder, 'slapd.conf'), `${config.join('\n')}\n`);
  await writeFile(join(folder, 'seed.ldif'), ldif(entries));
  const configFile = join(folder, 'slapd.conf');
  const added = spawnSync('/usr/sbin/slapadd', ['-f', configFile, '-l', join(folder, 'seed.ldif')]);
  assert.equal(added.status, 0, added.stderr.toString());
  const port = await freePort();
  const tlsPort = await freePort();
  const urls = `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${tlsPort}/`;
  const child = spawn('/usr/sbin/slapd', ['-d', '0', '-f', configFile, '-h', urls], {
    stdio: 'ignore',
  });
  await untilListening(port);
  return peer(child, { folder, port, tlsPort, anchor: tls.anchor });
}

function ldif(entries: readonly TestEntry[]): string {
  const root = [`dn: ${BASE}`, 'objectClass: dcObject', 'objectClass: organization', 'dc: bravo'];
  const blocks = entries.map(({ mail, attribute, values, auxiliary }, at) => [
    `dn: cn=${at},${BASE}`,
    'objectClass: inetOrgPerson',
    ...(auxiliary === undefined ? [] : [`objectClass: ${auxiliary}`]),
    `cn: ${at}`,
    'sn: test',
    `mail: ${mail}`,
    // slapd's schema knows no ;binary for userSMIMECertificate
    ...values.map((value) => `${slapdName(attribute)}:: ${value.toString('base64')}`),
  ]);
  return `${[[...root, 'o: bravo'], ...blocks].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function slapdName(attribute: string): string {
  return attribute.replace('userSMIMECertificate;binary', 'userSMIMECertificate');
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('close', () => undefined);
      setTimeout(() => socket.destroy(), 50).unref();
    });
    if (isUp) return;
    await delay(30);
  }
  throw new Error('the directory did not start');
}

/** Our own responder, a process of its own. */
export async function startDirectory(entries: readonly TestEntry[]): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-directory-'));
  const tls = await makeServerTls(folder, 'ldap.bravo.example');
  const entriesFile = join(folder, 'entries.json');
  const published = entries.map(({ mail, attribute, values }) => ({
    cn: mail,
    mail: [mail],
    [attribute.split(';')[0] ?? '']: values.map((value) => value.toString('base64')),
  }));
  await writeFile(entriesFile, JSON.stringify({ entries: published }));
  const port = await freePort();
  const tlsPort = await freePort();
  const httpPort = await freePort();
  const optionsFile = join(folder, 'options.json');
  const options = {
    listen: [
      { host: '127.0.0.1', port, tls: false },
      { host: '127.0.0.1', port: tlsPort, tls: true },
    ],
    http: [{ host: '127.0.0.1', port: httpPort, tls: false }],
    tlsCertificateFile: tls.certificateFile,
    tlsKeyFile: tls.keyFile,
    entriesFile,
    baseDn: [BASE],
  };
  await writeFile(optionsFile, JSON.stringify(options));
  const child = fork(DIRECTORY_MAIN, [optionsFile], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  await once(child, 'message');
  return peer(child, { folder, port, tlsPort, httpPort, anchor: tls.anchor });
}

/** A directory that has a root DSE and answers every other search with one result code. */
export async function startRefusing(
  code: number,
  referral: string | null = null,
): Promise<AsyncDisposable & { readonly port: number }> {
  const done = { tagClass: 'application', tag: 5, constructed: true } as const;
  const empty = der.octetString(Buffer.alloc(0));
  // RFC 4511 section 4.1.10
  const elsewhere =
    referral === null ? [] : [der.implicit(3, der.octetString(Buffer.from(referral)))];
  const fine = der.tagged(done, der.enumerated(0), empty, empty);
  const refusal = der.tagged(done, der.enumerated(code), empty, empty, ...elsewhere);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    let searches = 0;
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request: Buffer) => {
      const length = request[1] ?? 0;
      const body = 2 + (length < 0x80 ? 0 : length & 0x7f);
      const id = request[body + 2] ?? 0;
      if (request[body + 3] === 0x42) return; // unbind
      searches += 1;
      // The root DSE is asked for once for StartTLS and once for its naming contexts.
      socket.write(der.sequence(der.integer(id), searches <= 2 ? fine : refusal));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const stop = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: address.port, [Symbol.asyncDispose]: stop };
}
