import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server's key and certificate, PEM. */
export interface ServerIdentity {
  readonly key: string;
  readonly cert: string;
}

/** A CA of the openssl command line, for tests. */
export interface TestCa {
  readonly caPem: string;
  issue(options: {
    readonly names: readonly string[];
    readonly days?: number;
    readonly key?: 'ec' | 'rsa';
  }): ServerIdentity;
  selfSigned(name: string): ServerIdentity;
  remove(): void;
}

/** OpenSSL 3.0 takes negative days; 3.4 and later refuse them, and take dates instead. */
function validity(days: number): string[] {
  if (days >= 0) return ['-days', String(days)];
  const { stderr, stdout } = spawnSync('openssl', ['x509', '-help'], { encoding: 'utf8' });
  return `${stdout}${stderr}`.includes('-not_after')
    ? ['-not_before', '20200101000000Z', '-not_after', '20200102000000Z']
    : ['-days', String(days)];
}

export function createTestCa(): TestCa {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const root = (name: string, subject: string, more: readonly string[]) =>
    openssl(
      ...['req', '-x509', ...newKey, '-subj', subject, '-days', '30'],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
      ...more,
    );
  const identity = (name: string): ServerIdentity => ({
    key: readFileSync(at(`${name}.key`), 'utf8'),
    cert: readFileSync(at(`${name}.pem`), 'utf8'),
  });
  root('ca', '/CN=Test CA', ['-addext', 'basicConstraints=critical,CA:TRUE']);
  let count = 0;
  return {
    caPem: readFileSync(at('ca.pem'), 'utf8'),
    issue: ({ names, days = 30, key = 'ec' }) => {
      count += 1;
      const name = `leaf${count}`;
      // The common name is a wanted one on purpose: it must never count.
      openssl(
        ...['req', '-new', ...(key === 'ec' ? newKey : ['-newkey', 'rsa:2048', '-nodes'])],
        ...['-subj', '/CN=mx.bravo.example'],
        ...['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)],
      );
      const san = names.map((one) => `DNS:${one}`).join(',');
      writeFileSync(at(`${name}.ext`), `${san === '' ? '' : `subjectAltName=${san}\n`}`);
      openssl(
        ...['x509', '-req', '-in', at(`${name}.csr`), ...validity(days)],
        ...['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'],
        ...['-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)],
      );
      return identity(name);
    },
    selfSigned: (name) => {
      count += 1;
      root(`self${count}`, `/CN=${name}`, ['-addext', `subjectAltName=DNS:${name}`]);
      return identity(`self${count}`);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
