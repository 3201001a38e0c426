import { decideTls } from './tls-demand.ts';
import {
  type JudgedPolicy,
  plainCheck,
  type TlsDecision,
  type TlsDemand,
  type TlsHopFacts,
  type TlsIdentityCheck,
} from './tls-demand-types.ts';
import type { TlsAnchors, TlsRule } from './tls-rule.ts';

/** A rule beside the first; what both demand must be met. */
export interface FurtherRule {
  readonly tlsRule: TlsRule;
  readonly nexthopDomain: string;
  /** Whose rule it is, for the record. */
  readonly from: string;
}

type Connect = Extract<TlsDecision, { kind: 'connect' }>;

/**
 * What TLS must do on one way where several rules hold: all that each of them demands. Levels have no
 * total order, so none is picked; the result is never weaker than any of them.
 *
 * @returns the refusal of the first rule that refuses.
 */
export function decideTogether(
  first: TlsRule,
  further: readonly FurtherRule[],
  facts: TlsHopFacts,
): TlsDecision {
  let decided = decideTls(first, facts);
  for (const { tlsRule, nexthopDomain, from } of further) {
    if (decided.kind === 'refuse') return decided;
    const next = decideTls(tlsRule, { ...facts, nexthopDomain });
    if (next.kind === 'refuse') return { ...next, sentence: `${next.sentence} (${from})` };
    decided = joined(decided, next, { from, host: facts.host });
  }
  return decided;
}

function joined(
  a: Connect,
  b: Connect,
  { from, host }: { readonly from: string; readonly host: string },
): Connect {
  const demand = bothOf(a.demand, b.demand, host);
  const isMore = JSON.stringify(plain(demand)) !== JSON.stringify(plain(a.demand));
  const note = `level and identity that ${from} demands are met too`;
  return {
    kind: 'connect',
    demand,
    policies: policiesOf(a.policies, b.policies),
    notes: [...new Set([...a.notes, ...b.notes, ...(isMore ? [note] : [])])],
  };
}

function plain(demand: TlsDemand): object {
  return { ...demand, checks: demand.checks.map(plainCheck), observed: [] };
}

function bothOf(a: TlsDemand, b: TlsDemand, host: string): TlsDemand {
  const anchors = contextAnchors(a.anchors, b.anchors);
  const all = (which: 'checks' | 'observed') =>
    unique([
      ...a[which].map((check) => withAnchors(check, a.anchors, anchors)),
      ...b[which].map((check) => withAnchors(check, b.anchors, anchors)),
    ]);
  return {
    usesTls: a.usesTls || b.usesTls,
    isMandatory: a.isMandatory || b.isMandatory,
    minVersion: a.minVersion === 'TLSv1.3' ? a.minVersion : b.minVersion,
    ciphers: a.ciphers === 'forward-secret' ? a.ciphers : b.ciphers,
    serverName: a.serverName === host ? b.serverName : a.serverName,
    showsCertificate: a.showsCertificate && b.showsCertificate,
    anchors,
    checks: all('checks'),
    observed: all('observed'),
  };
}

/** What the handshake itself is checked with: the system's list where anybody asks for it. */
function contextAnchors(a: TlsAnchors, b: TlsAnchors): TlsAnchors {
  if (a === 'system' || b === 'system') return 'system';
  return a.length > 0 ? a : b;
}

/** A check of names whose anchors are not those of the handshake brings its own. */
function withAnchors(
  check: TlsIdentityCheck,
  own: TlsAnchors,
  ofHandshake: TlsAnchors,
): TlsIdentityCheck {
  if (check.kind !== 'names' || own === 'system' || check.anchors !== undefined) return check;
  const isSame = ofHandshake !== 'system' && own.join() === ofHandshake.join();
  return isSame ? check : { ...check, anchors: own };
}

function unique(checks: readonly TlsIdentityCheck[]): readonly TlsIdentityCheck[] {
  const byText = new Map(checks.map((check) => [JSON.stringify(plainCheck(check)), check]));
  return [...byText.values()];
}

/** Each policy is reported once, and `no policy` only where there is none (RFC 8460 section 4.4). */
function policiesOf(
  a: readonly JudgedPolicy[],
  b: readonly JudgedPolicy[],
): readonly JudgedPolicy[] {
  const byText = new Map([...a, ...b].map((one) => [JSON.stringify(one), one]));
  const all = [...byText.values()];
  const found = all.filter(({ policy }) => policy.type !== 'no-policy-found');
  return found.length > 0 ? found : all;
}
