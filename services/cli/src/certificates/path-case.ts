import { isIP } from 'node:net';
import { parseDomain, parseMailbox, sameMailbox } from '@sallyport/mail';
import {
  type Certificate,
  type Crl,
  checkTlsName,
  formatName,
  type PathResult,
  type Purpose,
  type RevocationFacts,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';

export const CASE_PURPOSES = ['email', 'server', 'any'] as const;
export type CasePurpose = (typeof CASE_PURPOSES)[number];

export const NAME_KINDS = ['email', 'dns', 'ip'] as const;

export interface CaseName {
  readonly kind: (typeof NAME_KINDS)[number];
  readonly value: string;
}

export const REVOCATION_MODES = ['hard', 'soft', 'off'] as const;

/** One question for path validation, everything that it needs in it. */
export interface PathCase {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly time: Date;
  readonly purpose: CasePurpose;
  readonly name: CaseName | null;
  /** If absent: hard where CRLs were given, else off. */
  readonly revocation?: (typeof REVOCATION_MODES)[number];
}

export interface PathAnswer {
  readonly ok: boolean;
  /** A sentence; `valid` if it is. */
  readonly reason: string;
  /** Subjects from end entity to anchor; none if there is no valid path. */
  readonly path: readonly string[];
  readonly revocation: {
    readonly mode: RevocationFacts['mode'] | 'off';
    readonly certificates: readonly {
      readonly subject: string;
      readonly status: 'good' | 'revoked' | 'unknown';
      readonly reason?: string;
    }[];
  };
}

/** A mailbox's certificate may serve to sign, to encrypt or both; one of them is enough here. */
const PURPOSES: Readonly<Record<CasePurpose, readonly [Purpose, ...Purpose[]]>> = {
  email: ['email-sign', 'email-encrypt'],
  server: ['tls-server'],
  any: ['any'],
};

/** Whole repositories are given as intermediates; the step budget still bounds the search. */
const MAX_CERTIFICATES = 4096;

function modeOf({ revocation, crls }: PathCase): RevocationFacts['mode'] | 'off' {
  return revocation ?? (crls.length > 0 ? 'hard' : 'off');
}

function validate(given: PathCase): PathResult {
  const { leaf, intermediates, anchors, crls, time } = given;
  const mode = modeOf(given);
  const input = {
    leaf,
    intermediates,
    anchors,
    time,
    limits: { maxCertificates: MAX_CERTIFICATES },
    ...(mode === 'off' ? {} : { revocation: { mode, crls } }),
  };
  const [first, ...others] = PURPOSES[given.purpose];
  let result = validatePath({ ...input, purpose: first });
  for (const purpose of others) {
    // Only the key's use stood in the way: perhaps it is for the other one.
    if (result.kind === 'valid' || result.code !== 'key-usage') break;
    const other = validatePath({ ...input, purpose });
    if (other.kind === 'valid' || other.code !== 'key-usage') result = other;
  }
  return result;
}

/** Null if the certificate is for this name, else why not. */
function whyNotNamed(certificate: Certificate, { kind, value }: CaseName): string | null {
  if (kind === 'email') {
    const mailbox = parseMailbox(value);
    if (mailbox === null) return `${value} is no mailbox`;
    const isNamed = certificate.mailboxes.some((one) => sameMailbox(one, mailbox));
    return isNamed ? null : `not a certificate for ${value}`;
  }
  const isOfKind = kind === 'ip' ? isIP(value) !== 0 : isIP(value) === 0 && parseDomain(value);
  if (!isOfKind) return `${value} is no ${kind === 'ip' ? 'address' : 'domain'}`;
  const check = checkTlsName(certificate, value);
  return check.kind === 'ok' ? null : check.reason;
}

function evidenceOf(validated: ValidatedCertificate): PathAnswer['revocation'] {
  const { mode, certificates } = validated.revocation;
  return {
    mode,
    certificates: certificates.map(({ certificate, status }) => ({
      subject: formatName(certificate.subjectName),
      status: status.kind,
      ...(status.kind === 'unknown' ? { reason: status.reason } : {}),
    })),
  };
}

/** Validates the path and the name of one case. */
export function answerPathCase(given: PathCase): PathAnswer {
  const nothing = { mode: modeOf(given), certificates: [] };
  const refuse = (reason: string): PathAnswer => ({
    ok: false,
    reason,
    path: [],
    revocation: nothing,
  });
  const result = validate(given);
  if (result.kind === 'invalid') return refuse(`${result.code}: ${result.reason}`);
  const mismatch = given.name === null ? null : whyNotNamed(given.leaf, given.name);
  if (mismatch !== null) return refuse(`name: ${mismatch}`);
  const { certificate } = result;
  return {
    ok: true,
    reason: 'valid',
    path: certificate.path.map(({ subjectName }) => formatName(subjectName)),
    revocation: evidenceOf(certificate),
  };
}
