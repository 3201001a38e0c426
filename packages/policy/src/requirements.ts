import {
  type Certificate,
  formatName,
  type GeneralName,
  type InitialPolicies,
  PKIX,
} from '@sallyport/pki';
import { matchesGlob } from './glob.ts';
import type { CertificateRequirements, CertificateSignature } from './requirement-fields.ts';

const SIGNATURES: ReadonlyMap<string, CertificateSignature> = new Map([
  [PKIX.sha256WithRsa, 'rsa-sha256'],
  [PKIX.sha384WithRsa, 'rsa-sha384'],
  [PKIX.sha512WithRsa, 'rsa-sha512'],
  [PKIX.rsassaPss, 'rsa-pss'],
  [PKIX.ecdsaWithSha256, 'ecdsa-sha256'],
  [PKIX.ecdsaWithSha384, 'ecdsa-sha384'],
  [PKIX.ecdsaWithSha512, 'ecdsa-sha512'],
  [PKIX.ed25519, 'ed25519'],
  [PKIX.ed448, 'ed448'],
  [PKIX.mlDsa65, 'ml-dsa-65'],
  [PKIX.mlDsa87, 'ml-dsa-87'],
]);

export type RequirementCheck =
  | { readonly kind: 'met' }
  /** The field of the rule that is not met, and a sentence part for the log. */
  | { readonly kind: 'unmet'; readonly field: string; readonly reason: string };

const MAX_SHOWN = 200;

/**
 * Whether a certificate is what the rule demands of a partner's (TM-3). `path` is the proven one,
 * end entity first and anchor last; it is the end entity alone if that is pinned. The anchor is the
 * admin's own choice, and nothing is demanded of it. Pure; names the first field that is not met.
 */
export function checkRequirements(
  path: readonly Certificate[],
  rule: CertificateRequirements | undefined,
): RequirementCheck {
  const [leaf] = path;
  if (rule === undefined || leaf === undefined) return { kind: 'met' };
  const below = path.length === 1 ? path : path.slice(0, -1);
  const faults: readonly (readonly [string, string | null])[] = [
    ['signatureAlgorithms', wrongSignature(below, rule)],
    ['keys', firstOf(below, (one) => wrongKey(one, rule.keys))],
    ['keyUsage', missingUsage(leaf, rule)],
    ['extendedKeyUsage', missingExtendedUsage(leaf, rule)],
    ['policies', path.length === 1 ? missingPolicy(leaf, rule) : null],
    ['names.forms', missingForm(leaf, rule)],
    ['names.match', strangeName(leaf, rule)],
    ['issuers', wrongIssuer(leaf, rule)],
  ];
  for (const [field, fault] of faults) {
    if (fault !== null) return { kind: 'unmet', field, reason: fault.slice(0, MAX_SHOWN) };
  }
  return { kind: 'met' };
}

/** What path validation must demand for `policies` (RFC 5280 section 6.1.1); undefined: nothing. */
export function demandedPolicies(
  rule: CertificateRequirements | undefined,
): InitialPolicies | undefined {
  if (rule?.policies === undefined) return undefined;
  return { accepted: rule.policies, requireExplicit: true };
}

function firstOf(
  path: readonly Certificate[],
  check: (certificate: Certificate) => string | null,
): string | null {
  for (const [index, certificate] of path.entries()) {
    const fault = check(certificate);
    if (fault !== null) return index === 0 ? fault : `a CA above it: ${fault}`;
  }
  return null;
}

function wrongSignature(
  path: readonly Certificate[],
  { signatureAlgorithms }: CertificateRequirements,
): string | null {
  if (signatureAlgorithms === undefined) return null;
  return firstOf(path, ({ signatureAlgorithm: { oid } }) => {
    const word = SIGNATURES.get(oid);
    const isTaken = word !== undefined && signatureAlgorithms.includes(word);
    return isTaken ? null : `it is signed with ${word ?? oid}`;
  });
}

function wrongKey(certificate: Certificate, keys: CertificateRequirements['keys']): string | null {
  if (keys === undefined) return null;
  const check = certificate.checkKey();
  if (check.kind === 'weak') return check.reason;
  const { description } = check;
  const text = `its key is ${description}`;
  const [kind, size = ''] = description.split(' ');
  if (kind === 'RSA') {
    return keys.rsaBits !== 'none' && Number(size) >= keys.rsaBits ? null : text;
  }
  const name = kind === 'EC' ? size : description;
  const taken: readonly string[] | undefined = name.startsWith('ML-')
    ? keys.postQuantum
    : keys.curves;
  return taken === undefined || taken.includes(name) ? null : text;
}

function missingUsage({ keyUsage }: Certificate, rule: CertificateRequirements): string | null {
  const missing = rule.keyUsage?.find((usage) => keyUsage?.has(usage) !== true);
  return missing === undefined ? null : `it does not state the key usage ${missing}`;
}

function missingExtendedUsage(
  { extendedKeyUsage }: Certificate,
  rule: CertificateRequirements,
): string | null {
  const missing = rule.extendedKeyUsage?.find((usage) => {
    const oid = usage === 'emailProtection' ? PKIX.emailProtection : usage;
    return extendedKeyUsage?.includes(oid) !== true;
  });
  return missing === undefined ? null : `it does not state the extended key usage ${missing}`;
}

// A path asserts policies with every certificate of it; what is pinned has none and speaks for itself.
function missingPolicy(
  { extensions }: Certificate,
  { policies }: CertificateRequirements,
): string | null {
  if (policies === undefined) return null;
  const stated = extensions.policies ?? [];
  return policies.some((oid) => stated.includes(oid))
    ? null
    : 'it states none of the certificate policies';
}

const FORMS = {
  rfc822: 'rfc822Name',
  'smtp-utf8': 'SmtpUTF8Mailbox',
  dns: 'dNSName',
  uri: 'URI',
  directory: 'directoryName',
} as const;

function formOf(name: GeneralName): string | null {
  return name.kind === 'ip' || name.kind === 'other' ? null : FORMS[name.kind];
}

function missingForm(
  { subjectAltNames }: Certificate,
  { names }: CertificateRequirements,
): string | null {
  const present = new Set(subjectAltNames.map(formOf));
  const missing = names?.forms?.find((form) => !present.has(form));
  return missing === undefined ? null : `it has no name of form ${missing}`;
}

function strangeName(certificate: Certificate, { names }: CertificateRequirements): string | null {
  const patterns = names?.match;
  if (patterns === undefined) return null;
  const { rfc822Names, smtpUtf8Names, dnsNames } = certificate;
  const all = [...rfc822Names, ...smtpUtf8Names, ...dnsNames];
  if (all.length === 0) return 'it has neither address nor host name';
  const strange = all.find((name) => !patterns.some((pattern) => matchesGlob(name, pattern)));
  return strange === undefined ? null : `its name ${strange} fits no pattern`;
}

function wrongIssuer(
  { issuerName }: Certificate,
  { issuers }: CertificateRequirements,
): string | null {
  if (issuers === undefined) return null;
  const issuer = formatName(issuerName);
  return issuers.includes(issuer) ? null : `its issuer is ${issuer}`;
}
