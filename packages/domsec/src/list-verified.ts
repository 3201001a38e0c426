import type { LayerReport } from './verdict-types.ts';

/** What the signatures that a domain signature would encapsulate come to. */
export type EncapsulatedState = 'none' | 'valid' | 'invalid' | 'unverifiable';

/**
 * RFC 3183 section 3.2 (DS-G2): all signatures present must be valid, those inside encryption
 * included. What nobody here can look into may hold some and counts as unverifiable. A domain
 * signature that counts has verified what it encapsulates, so deeper ones need not be (section 5.1).
 */
export function encapsulatedState(reports: readonly LayerReport[]): EncapsulatedState {
  const states = new Set<EncapsulatedState>();
  for (const report of reports) {
    if (report.kind === 'broken') states.add('invalid');
    if (report.kind === 'encrypted' && report.state !== 'opened') states.add('unverifiable');
    if (report.kind !== 'signed') continue;
    states.add(report.state);
    if (isDomainSigned(report)) break;
  }
  if (states.has('invalid')) return 'invalid';
  if (states.has('unverifiable')) return 'unverifiable';
  return states.has('valid') ? 'valid' : 'none';
}

/** True for a domain signature that verified, is trusted and stands for the originator's domain. */
export function isDomainSigned(report: LayerReport): boolean {
  return (
    report.kind === 'signed' &&
    report.role === 'domain' &&
    report.state === 'valid' &&
    (report.mapping === 'ok' || report.mapping === 'exception')
  );
}
