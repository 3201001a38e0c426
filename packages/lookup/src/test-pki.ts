/** A CA for the tests, made and run by OpenSSL: certificates with pointers, CRLs, OCSP responses. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';

function run(folder: string, args: readonly string[]): void {
  const done = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  assert.equal(done.status, 0, `openssl ${args.join(' ')}: ${done.stderr}`);
}

/** YYMMDDHHMMSSZ, as OpenSSL's index wants it. */
function stamp(time: Date): string {
  return `${time.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`;
}

interface IssueRequest {
  readonly cn: string;
  readonly issuer: TestAuthority;
  /** Lines of an OpenSSL extension section, beside those of its kind. */
  readonly extensions?: readonly string[];
}

/** A key with its certificate, as files in a folder of its own that goes when disposed. */
export class TestAuthority implements Disposable {
  readonly folder: string;
  readonly cn: string;
  readonly #revoked = new Set<string>();
  readonly #issued = new Set<string>();
  #lists = 0;
  #serials = 100;

  private constructor(cn: string) {
    this.cn = cn;
    this.folder = mkdtempSync(join(tmpdir(), 'sallyport-ca-'));
  }

  static root(cn: string): TestAuthority {
    const made = new TestAuthority(cn);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const ca = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
    const to = ['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '30'];
    run(made.folder, ['req', '-x509', ...key, '-subj', `/CN=${cn}`, ...ca, ...to]);
    return made;
  }

  /** A CA below another. */
  static below(request: IssueRequest): TestAuthority {
    const ca = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
    return TestAuthority.#issue({ ...request, extensions: [...ca, ...(request.extensions ?? [])] });
  }

  /** A certificate for mail. */
  static mail(request: IssueRequest): TestAuthority {
    const mail = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature,keyAgreement',
      'extendedKeyUsage=emailProtection',
    ];
    const extensions = [...mail, ...(request.extensions ?? [])];
    return TestAuthority.#issue({ ...request, extensions });
  }

  /** A delegated OCSP responder (RFC 6960 section 4.2.2.2). */
  static responder(issuer: TestAuthority): TestAuthority {
    const extensions = ['extendedKeyUsage=critical,OCSPSigning', 'noCheck=ignored'];
    return TestAuthority.#issue({ cn: 'responder', issuer, extensions });
  }

  static #issue({ cn, issuer, extensions = [] }: IssueRequest): TestAuthority {
    const made = new TestAuthority(cn);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    run(made.folder, [
      'req',
      '-new',
      ...key,
      '-subj',
      `/CN=${cn}`,
      '-keyout',
      'key.pem',
      '-out',
      'csr',
    ]);
    writeFileSync(join(made.folder, 'ext'), `${extensions.join('\n')}\n`);
    const serial = issuer.#nextSerial();
    const from = ['-CA', join(issuer.folder, 'cert.pem'), '-CAkey', join(issuer.folder, 'key.pem')];
    const rest = [
      '-set_serial',
      `0x${serial}`,
      '-days',
      '20',
      '-extfile',
      'ext',
      '-out',
      'cert.pem',
    ];
    run(made.folder, ['x509', '-req', '-in', 'csr', ...from, ...rest]);
    return made;
  }

  #nextSerial(): string {
    this.#serials += 1;
    const serial = `10${this.#serials.toString(16).padStart(4, '0')}`.toUpperCase();
    this.#issued.add(serial);
    return serial;
  }

  get certificate(): Certificate {
    const [parsed] = parsePemCertificates(readFileSync(join(this.folder, 'cert.pem'), 'utf8'));
    assert.ok(parsed?.kind === 'certificate');
    return parsed.value;
  }

  revoke(certificate: Certificate): void {
    this.#revoked.add(certificate.serial.toString('hex').toUpperCase());
  }

  /** Takes a revocation back, which no honest CA does. */
  reinstate(certificate: Certificate): void {
    this.#revoked.delete(certificate.serial.toString('hex').toUpperCase());
  }

  #writeIndex(): void {
    const now = Date.now();
    const end = stamp(new Date(now + 20 * 24 * 3_600_000));
    const lines = [...this.#issued].map((serial) => {
      const isRevoked = this.#revoked.has(serial);
      const at = isRevoked ? `${stamp(new Date(now - 60_000))},keyCompromise` : '';
      return `${isRevoked ? 'R' : 'V'}\t${end}\t${at}\t${serial}\tunknown\t/CN=${serial}\n`;
    });
    writeFileSync(join(this.folder, 'index.txt'), lines.join(''));
  }

  /** A DER list of what is revoked so far, from `since` hours ago until in `hours`. */
  crl(hours = 24, since = 0): Buffer {
    this.#lists += 1;
    this.#writeIndex();
    const config = [
      '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256',
      'certificate=cert.pem\nprivate_key=key.pem\ncrl_extensions=crl_ext\n[crl_ext]\n',
      'authorityKeyIdentifier=keyid',
    ];
    writeFileSync(join(this.folder, 'ca.cnf'), `${config.join('\n')}\n`);
    const number = this.#lists.toString(16).padStart(4, '0');
    writeFileSync(join(this.folder, 'crlnumber'), `${number}\n`);
    const time = (hour: number) => `20${stamp(new Date(Date.now() + hour * 3_600_000))}`;
    const period = ['-crl_lastupdate', time(-since), '-crl_nextupdate', time(hours)];
    const what = ['ca', '-gencrl', '-config', 'ca.cnf', ...period, '-out', 'crl'];
    run(this.folder, what);
    run(this.folder, ['crl', '-in', 'crl', '-outform', 'DER', '-out', 'crl.der']);
    return readFileSync(join(this.folder, 'crl.der'));
  }

  /** What `openssl ocsp` answers to a DER request, signed by the responder given. */
  answerOcsp(request: Buffer, responder: TestAuthority): Buffer {
    this.#writeIndex();
    writeFileSync(join(this.folder, 'request'), request);
    const signer = ['-rsigner', join(responder.folder, 'cert.pem')];
    const key = ['-rkey', join(responder.folder, 'key.pem'), '-nmin', '60'];
    const io = ['-reqin', 'request', '-respout', 'response'];
    run(this.folder, ['ocsp', '-index', 'index.txt', '-CA', 'cert.pem', ...signer, ...key, ...io]);
    return readFileSync(join(this.folder, 'response'));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
