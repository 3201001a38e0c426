import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Certificate, issueCertificate, parseCertificate } from '@sallyport/pki';

/** A certificate with its key; certificates of the RSA kind can be encrypted to. */
export interface SmimeIdentity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** When all of them are valid. */
export const SMIME_NOW = new Date('2026-06-01T00:00:00Z');
const NOT_BEFORE = new Date('2026-01-01T00:00:00Z');
const DAYS = 3_650;

/** Issues a certificate; without an issuer it is self-signed. */
function smimeIdentity(names: {
  readonly cn: string;
  readonly emails?: readonly string[];
  readonly kind?: 'rsa' | 'ec';
  readonly issuer?: SmimeIdentity;
  readonly isCa?: boolean;
}): SmimeIdentity {
  const { cn, emails = [], kind = 'ec', issuer, isCa = false } = names;
  const { privateKey: key, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const fields = {
    subject: { cn },
    notBefore: NOT_BEFORE,
    days: DAYS,
    emails,
    ...(isCa ? { ca: { pathLength: null }, keyUsage: ['keyCertSign'] as const } : {}),
  };
  const bytes =
    issuer === undefined
      ? issueCertificate({ ...fields, privateKey: key })
      : issueCertificate({
          ...fields,
          spki: publicKey.export({ format: 'der', type: 'spki' }),
          issuer: { certificate: issuer.certificate, privateKey: issuer.key },
        });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  return { certificate: parsed.value, key };
}

const DSA = 'domain-signing-authority';
const DCA = 'domain-confidentiality-authority';

/** One public CA that everybody trusts; a partner; somebody else whom the CA knows; and a liar. */
const root = smimeIdentity({ cn: 'Public CA', isCa: true });
const by = (cn: string, email: string, kind: 'rsa' | 'ec' = 'ec'): SmimeIdentity =>
  smimeIdentity({ cn, emails: [email], kind, issuer: root });

export const CAST = {
  root,
  /** The partner, bravo.example. */
  dsa: by(DSA, `${DSA}@bravo.example`),
  bob: by('Bob', 'bob@bravo.example'),
  /** Known to the same CA, under a name of her own. */
  eve: by('Eve', 'eve@evil.example'),
  eveDsa: by(DSA, `${DSA}@evil.example`),
  /** Self-signed, in the partner's name. */
  fakeBob: smimeIdentity({ cn: 'Bob', emails: ['bob@bravo.example'] }),
  fakeDsa: smimeIdentity({ cn: DSA, emails: [`${DSA}@bravo.example`] }),
  fakePresident: smimeIdentity({ cn: 'The President', emails: ['president@bravo.example'] }),
  /** Ours. */
  dca: by(DCA, `${DCA}@acme.example`, 'rsa'),
} as const;
