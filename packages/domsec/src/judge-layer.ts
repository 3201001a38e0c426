import type { FaultId } from '@sallyport/faults';
import { type Certificate, summariseRevocation } from '@sallyport/pki';
import { mappingOf, roleOf } from './judge-names.ts';
import type { LayerSigner, SignedLayer } from './layers.ts';
import type { JudgedLayer, LayerJudgeOptions, SignerReport } from './verdict-types.ts';

/** Judges trust and names of one layer that has signers. */
export function judgeLayer(
  layer: SignedLayer,
  index: number,
  options: LayerJudgeOptions,
): JudgedLayer {
  const types = layer.signers[0]?.types ?? null;
  const results = layer.signers.map((signer) => judgeSigner(signer, layer, options));
  const deciding =
    results.find(({ report }) => report.state === 'invalid') ??
    results.find(({ report }) => report.state === 'valid') ??
    results.find(({ fault }) => fault === 'revocation-unavailable') ??
    results[0];
  // Whoever else signed validly must fit too: one that fits does not vouch for a stranger beside it.
  const named = results.filter((result) => result === deciding || result.report.state === 'valid');
  const mismatch = named.find(({ report }) => report.mapping === 'mismatch');
  return {
    layer,
    index,
    role: deciding?.role ?? roleOf(types),
    ...outcomeOf(results, deciding, mismatch?.report.mismatch ?? ''),
    mapping: mismatch === undefined ? (deciding?.report.mapping ?? null) : 'mismatch',
    signers: results.map((result) => result.report),
    name: deciding?.report.name ?? 'unknown',
  };
}

type Judgement = Pick<JudgedLayer, 'state' | 'fault' | 'reason'>;

// DS-V11: all signers say the same of the same content. A layer whose signers do not fit together is
// not valid as it stands, whoever of them is good.
function outcomeOf(
  results: readonly SignerResult[],
  deciding: SignerResult | undefined,
  mismatch: string,
): Judgement {
  const { state, reason } = deciding?.report ?? { state: 'unverifiable', reason: '' };
  const fault = deciding?.fault ?? null;
  if (state !== 'valid') return { state, fault, reason };
  const stranger = strangerIn(results);
  if (stranger !== null) {
    return { state: 'unverifiable', fault: stranger.fault, reason: strangerReason(stranger) };
  }
  if (mismatch === '') return { state, fault, reason };
  const fitting = results.find(
    ({ report }) => report.state === 'valid' && report.mapping !== 'mismatch',
  );
  if (fitting === undefined) return { state, fault, reason: mismatch };
  const named = fitting.report.name;
  return {
    state: 'invalid',
    fault: 'signer-mismatch',
    reason: `its signers do not belong together: beside ${named} stands one of whom is found that ${mismatch}`,
  };
}

interface SignerResult {
  readonly certificate: Certificate | null;
  readonly role: JudgedLayer['role'];
  readonly fault: FaultId | null;
  readonly report: SignerReport;
}

// DS-V11: several signers say the same with several algorithms. One that cannot be verified does no
// harm if it bears the names of one that can; anybody else's signature beside it makes the layer one
// that is not vouched for as it stands.
function strangerIn(results: readonly SignerResult[]): SignerResult | null {
  const valid = results.filter(({ report }) => report.state === 'valid');
  if (valid.length === 0) return null;
  const isTwin = ({ certificate }: SignerResult): boolean =>
    certificate !== null &&
    valid.some(({ certificate: other }) => other !== null && bearsSameNames(certificate, other));
  return (
    results.find((result) => result.report.state === 'unverifiable' && !isTwin(result)) ?? null
  );
}

function bearsSameNames(a: Certificate, b: Certificate): boolean {
  const names = ({ rfc822Names, commonNames }: Certificate): string =>
    JSON.stringify([rfc822Names.map((name) => name.toLowerCase()).toSorted(), commonNames]);
  return names(a) === names(b);
}

function strangerReason({ report }: SignerResult): string {
  return `somebody else signed beside it and cannot be verified: ${report.name}: ${report.reason}`;
}

function judgeSigner(
  signer: LayerSigner,
  layer: SignedLayer,
  options: LayerJudgeOptions,
): SignerResult {
  const { certificate } = signer;
  const check = presentCheck(signer, options);
  const trust =
    check.kind === 'valid' && certificate !== null
      ? options.validate(certificate, layer.certificates)
      : null;
  const untrusted = trust?.kind === 'invalid' ? trust : null;
  const mapping = certificate === null ? null : mappingOf(certificate, signer.types, options);
  const report: SignerReport = {
    name: certificate === null ? 'unknown' : nameOf(certificate),
    state: untrusted === null ? check.kind : stateOf(untrusted),
    reason:
      untrusted?.reason ?? (check.kind === 'valid' ? 'signature and path are valid' : check.reason),
    types: signer.types,
    fingerprint: certificate?.fingerprint ?? null,
    signingTime: signer.signingTime?.toISOString() ?? null,
    digestAlgorithm: signer.digestAlgorithm,
    signatureAlgorithm: signer.signatureAlgorithm,
    legacy: signer.legacy,
    mapping: mapping?.word ?? null,
    mismatch: mapping?.reason ?? '',
    ...(trust?.kind === 'valid' && trust.certificate !== undefined
      ? { revocation: summariseRevocation(trust.certificate.revocation) }
      : {}),
  };
  return {
    certificate,
    role: mapping?.role ?? roleOf(signer.types),
    fault: faultOf(check, untrusted),
    report,
  };
}

type Untrusted = Extract<ReturnType<LayerJudgeOptions['validate']>, { kind: 'invalid' }>;

/** What a key signed that its owner or its CA took back proves nothing, however good the digest is. */
function stateOf({ fault }: Untrusted): SignerReport['state'] {
  return fault === 'signer-revoked' ? 'invalid' : 'unverifiable';
}

function faultOf(check: LayerSigner['check'], untrusted: Untrusted | null): FaultId | null {
  if (untrusted !== null) return untrusted.fault ?? 'signer-not-trusted';
  return check.kind === 'valid' ? null : check.fault;
}

/** A signature that rests on an algorithm of the past proves something only where the rule says so. */
function presentCheck(
  { check, legacy }: LayerSigner,
  options: LayerJudgeOptions,
): LayerSigner['check'] {
  if (check.kind !== 'valid' || legacy.length === 0 || options.legacy === 'accept') return check;
  const reason = `it rests on ${legacy.join(' and ')}, which the rule does not accept`;
  return { kind: 'unverifiable', fault: 'algorithm-unsupported', reason };
}

function nameOf(certificate: Certificate): string {
  return certificate.rfc822Names[0] ?? certificate.commonNames[0] ?? certificate.fingerprint;
}
