import { type IssuedIdentity, issuedIdentity } from './issued-identity.ts';

export type SmimeIdentity = IssuedIdentity;

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
  return issuedIdentity({ kind: 'ec', ...names, notBefore: NOT_BEFORE, days: DAYS });
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
