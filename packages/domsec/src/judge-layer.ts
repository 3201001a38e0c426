import type { FaultId } from '@sallyport/faults';
import { type Mailbox, sameMailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { LayerSigner, SignedLayer } from './layers.ts';
import { AUTHORITY_NAMES, checkAuthorityName, checkNameMapping, type NameCheck } from './naming.ts';
import type {
  JudgedLayer,
  JudgeOptions,
  NamingRule,
  Role,
  SignerReport,
  Verdict,
} from './verdict-types.ts';

/** Judges trust and names of one layer that has signers. */
export function judgeLayer(layer: SignedLayer, index: number, options: JudgeOptions): JudgedLayer {
  const results = layer.signers.map((signer) => judgeSigner(signer, layer, options));
  // Several signers say the same with other algorithms: a bad one spoils the layer, an unknown one does not.
  const worst =
    results.find((result) => result.report.state === 'invalid') ??
    results.find((result) => result.report.state === 'valid') ??
    results[0];
  const state = worst?.report.state ?? 'unverifiable';
  const types = layer.signers[0]?.types ?? null;
  // Whoever else signed validly must fit too: one that fits does not vouch for a stranger beside it.
  const named = results.filter((result) => result === worst || result.report.state === 'valid');
  const mappings = named.flatMap(({ signer: { certificate } }) =>
    certificate === null ? [] : [mappingOf(certificate, types, options)],
  );
  const mapping = mappings.find((one) => one.word === 'mismatch') ?? mappings[0] ?? null;
  return {
    layer,
    index,
    role: mapping?.role ?? roleOf(types),
    state,
    mapping: mapping?.word ?? null,
    fault: worst?.fault ?? null,
    reason:
      state === 'valid' && mapping?.word === 'mismatch'
        ? mapping.reason
        : (worst?.report.reason ?? ''),
    signers: results.map((result) => result.report),
    name: worst?.report.name ?? 'unknown',
  };
}

interface SignerResult {
  readonly signer: LayerSigner;
  readonly fault: FaultId | null;
  readonly report: SignerReport;
}

function judgeSigner(signer: LayerSigner, layer: SignedLayer, options: JudgeOptions): SignerResult {
  const { certificate, check } = signer;
  const trust =
    check.kind === 'valid' && certificate !== null
      ? options.validate(certificate, layer.certificates)
      : null;
  const untrusted = trust?.kind === 'invalid' ? trust.reason : null;
  const report: SignerReport = {
    name: certificate === null ? 'unknown' : nameOf(certificate),
    state: untrusted === null ? check.kind : 'unverifiable',
    reason: untrusted ?? (check.kind === 'valid' ? 'signature and path are valid' : check.reason),
    types: signer.types,
    fingerprint: certificate?.fingerprint ?? null,
    signingTime: signer.signingTime?.toISOString() ?? null,
    digestAlgorithm: signer.digestAlgorithm,
    signatureAlgorithm: signer.signatureAlgorithm,
  };
  const fault =
    untrusted === null ? (check.kind === 'valid' ? null : check.fault) : 'signer-not-trusted';
  return { signer, fault, report };
}

function nameOf(certificate: Certificate): string {
  return certificate.rfc822Names[0] ?? certificate.commonNames[0] ?? certificate.fingerprint;
}

// DS-V3: without SignatureType it is the originator's. A signature that names several types counts
// as the strongest of them that the naming rule can prove.
function roleOf(types: readonly string[] | null): Role {
  if (types === null) return 'originator';
  for (const role of ['domain', 'originator', 'review', 'additional-attributes'] as const) {
    if (types.includes(role)) return role;
  }
  return 'other';
}

interface Mapping {
  readonly role: Role;
  readonly word: NonNullable<Verdict['mapping']>;
  readonly reason: string;
}

function mappingOf(
  certificate: Certificate,
  types: readonly string[] | null,
  options: JudgeOptions,
): Mapping {
  const role = roleOf(types);
  const check = nameCheckOf(certificate, role, options);
  if (check.kind === 'ok') {
    return { role, word: check.convention === 'exception' ? 'exception' : 'ok', reason: '' };
  }
  // DS-N6, DS-N12: gateways that an exception is for do not write SignatureType; theirs is the
  // signature of a domain all the same, and never that of the author.
  const agreed = types === null ? checkDomainName(certificate, options) : check;
  return agreed.kind === 'ok' && agreed.convention === 'exception'
    ? { role: 'domain', word: 'exception', reason: '' }
    : { role, word: 'mismatch', reason: check.reason };
}

/** The signer's name against every originator: all must be covered (DS-N10). */
function checkDomainName(certificate: Certificate, options: JudgeOptions): NameCheck {
  const { originators, naming } = options;
  if (typeof naming !== 'function') return checkDomainNameFor(certificate, originators, naming);
  const checks = originators.map((one) => checkDomainNameFor(certificate, [one], naming(one)));
  return (
    checks.find((check) => check.kind === 'mismatch') ??
    checks.find((check) => check.kind === 'ok' && check.convention === 'exception') ??
    checks[0] ??
    checkDomainNameFor(certificate, [], undefined)
  );
}

function checkDomainNameFor(
  certificate: Certificate,
  originators: readonly Mailbox[],
  naming: NamingRule,
): NameCheck {
  const named = checkAuthorityName(certificate, 'domain');
  const mapped = checkNameMapping(certificate, originators, naming);
  // An exception (DS-N6) stands in for both rules.
  if (mapped.kind === 'ok' && mapped.convention === 'exception') return mapped;
  return named.kind === 'mismatch' ? named : mapped;
}

function nameCheckOf(certificate: Certificate, role: Role, options: JudgeOptions): NameCheck {
  switch (role) {
    case 'domain':
      return checkDomainName(certificate, options);
    case 'review':
      return checkAuthorityName(certificate, 'review');
    case 'additional-attributes':
      return checkAuthorityName(certificate, 'attribute');
    default:
      return checkOriginatorName(certificate, options.originators);
  }
}

// RFC 8550 section 3 (SM-6): From must be an address of the certificate; one without any address
// is accepted as such but identifies nobody, so it does not match here.
function checkOriginatorName(certificate: Certificate, originators: readonly Mailbox[]): NameCheck {
  const reserved = Object.values(AUTHORITY_NAMES) as readonly string[];
  const stray = originators.find(
    (originator) => !certificate.mailboxes.some((mailbox) => sameMailbox(mailbox, originator)),
  );
  if (originators.length > 0 && stray === undefined) return { kind: 'ok', convention: 'rfc822' };
  const authority = certificate.mailboxes
    .map((mailbox) => mailbox.localPart.toLowerCase())
    .find((name) => reserved.includes(name));
  return {
    kind: 'mismatch',
    reason:
      authority === undefined
        ? 'the certificate is not in the name of the author'
        : `a certificate of ${authority} without the SignatureType attribute is no domain signature`,
  };
}
