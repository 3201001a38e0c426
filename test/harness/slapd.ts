import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from './ca.ts';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, runOk, startProcess } from './process.ts';
import { isListening, waitFor } from './wait.ts';

export interface DirectoryEntry {
  readonly cn: string;
  readonly mail: string;
  readonly certificates: readonly Buffer[];
}

export interface Slapd extends AsyncDisposable {
  readonly port: number;
  readonly server: RunningProcess;
}

/** Starts OpenLDAP with these entries under `dc=partner,dc=test`. With a certificate, StartTLS is on. */
export async function startSlapd(options: {
  readonly entries: readonly DirectoryEntry[];
  readonly port?: number;
  readonly tls?: { readonly ca: Issued; readonly certificate: Issued };
}): Promise<Slapd> {
  const folder = await temporaryFolder('slapd');
  const at = (name: string): string => join(folder.path, name);
  const port = options.port ?? (await freePort());
  await mkdir(at('db'));
  await writeFile(at('slapd.conf'), slapdConf(folder.path, options.tls));
  await writeFile(at('seed.ldif'), ldif(options.entries));
  await runOk('slapadd', ['-f', at('slapd.conf'), '-l', at('seed.ldif')]);
  const server = await startProcess('slapd', [
    '-d',
    '0',
    '-f',
    at('slapd.conf'),
    '-h',
    `ldap://127.0.0.1:${port}/`,
  ]);
  await waitFor(() => isListening('127.0.0.1', port), { what: 'slapd' });
  return {
    port,
    server,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function slapdConf(folder: string, tls?: { ca: Issued; certificate: Issued }): string {
  const schemas = ['core', 'cosine', 'inetorgperson'];
  return [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    `pidfile ${folder}/pid`,
    `argsfile ${folder}/args`,
    ...(tls === undefined
      ? []
      : [
          `TLSCACertificateFile ${tls.ca.certificateFile}`,
          `TLSCertificateFile ${tls.certificate.certificateFile}`,
          `TLSCertificateKeyFile ${tls.certificate.keyFile}`,
        ]),
    'database mdb',
    'maxsize 10485760',
    'suffix "dc=partner,dc=test"',
    'rootdn "cn=admin,dc=partner,dc=test"',
    `directory ${folder}/db`,
    'index mail,objectClass eq',
    'access to * by * read',
    '',
  ].join('\n');
}

function ldif(entries: readonly DirectoryEntry[]): string {
  const root =
    'dn: dc=partner,dc=test\nobjectClass: organization\nobjectClass: dcObject\no: Partner\ndc: partner\n';
  const rest = entries.map(({ cn, mail, certificates }, index) =>
    [
      `dn: uid=${index},dc=partner,dc=test`,
      'objectClass: inetOrgPerson',
      `uid: ${index}`,
      `cn: ${cn}`,
      `sn: ${cn}`,
      `mail: ${mail}`,
      ...certificates.map((der) => `userCertificate;binary:: ${der.toString('base64')}`),
      '',
    ].join('\n'),
  );
  return [root, ...rest].join('\n');
}
