import type { RecordedEvent } from '@sallyport/audit-log';
import { type Domain, isNullPath, parseMailbox, parseReversePath } from '@sallyport/mail';
import {
  type Compared,
  type LoggedInward,
  type LoggedOutward,
  type PolicyDocument,
  type Rehearsed,
  rehearseInward,
  rehearseOutward,
  rehearseTransport,
} from '@sallyport/policy';
import { z } from 'zod';
import type { LoggedEnvelope } from './read-envelopes.ts';

/** What one decision would be. */
export interface Replayed {
  readonly direction: 'outward' | 'inward';
  /** The rule of the draft. */
  readonly rule: string;
  readonly queueId: string;
  readonly rehearsed: Rehearsed;
}

export interface ReplayPorts {
  readonly draft: PolicyDocument;
  /** The policy by which something was decided; null if it cannot be read any more. */
  readonly versionOf: (number: number) => Promise<PolicyDocument | null>;
  readonly ownDomains: ReadonlySet<string>;
  readonly now: Date;
}

/** Decides one envelope anew: one result for each recipient, or for a message from outside. */
export async function replay(envelope: LoggedEnvelope, ports: ReplayPorts): Promise<Replayed[]> {
  const { queueId, origin: direction, forwardPaths, reversePath } = envelope;
  if (forwardPaths === null || reversePath === null) {
    return [{ direction, queueId, ...unknown('the addresses were erased') }];
  }
  if (direction === 'inward') {
    return [{ direction, queueId, ...(await replayInward(envelope, ports)) }];
  }
  const all: Replayed[] = [];
  for (const path of forwardPaths) {
    const result = await replayRecipient(path, envelope, ports);
    if (result !== null) all.push({ direction, queueId, ...result });
  }
  return all;
}

type Result = Pick<Replayed, 'rule' | 'rehearsed'>;

function unknown(why: string): Result {
  return { rule: '-', rehearsed: { kind: 'unknown', why } };
}

const decidedSchema = z.object({
  decision: z.enum(['protect', 'sign-only', 'pass', 'hold', 'refuse', 'wait']).default('refuse'),
  fault: z.string().nullable().default(null),
  domains: z.array(z.string()).optional(),
  policyVersion: z.number().optional(),
});
type Decided = z.infer<typeof decidedSchema>;

/** @returns null for our own people: no rule of a partner is asked. */
async function replayRecipient(
  path: string,
  envelope: LoggedEnvelope,
  ports: ReplayPorts,
): Promise<Result | null> {
  const mailbox = parseMailbox(path);
  if (mailbox === null) return unknown('an address that cannot be read');
  const { domain, localPart } = mailbox;
  if (ports.ownDomains.has(domain)) return null;
  const decided = decisionFor(domain, envelope);
  if ('why' in decided) return unknown(decided.why);
  const compared = await comparedTo(decided.policyVersion, ports);
  if (compared === null) return unknown('the version by which it was decided is not known');
  const { decision, fault } = decided;
  const own = domainOf(envelope.reversePath);
  const { hasEvidence } = envelope;
  const logged: LoggedOutward = { domain, localPart, own, hasEvidence, decision, fault };
  const protection = rehearseOutward(logged, compared);
  const used = usedFor(domain, envelope);
  if (used === undefined) return protection;
  const transport = rehearseTransport({ domain, used }, compared);
  return { rule: protection.rule, rehearsed: worseOf(protection.rehearsed, transport) };
}

function decisionFor(domain: Domain, envelope: LoggedEnvelope): Decided | { readonly why: string } {
  const fitting = envelope.decisions.flatMap(({ facts }) => {
    const parsed = decidedSchema.safeParse(facts);
    if (!parsed.success) return [];
    const { domains } = parsed.data;
    const fits = domains?.includes(domain) ?? envelope.decisions.length === 1;
    return fits ? [parsed.data] : [];
  });
  const [first, ...others] = fitting;
  if (first === undefined) return waitingOf(envelope);
  const isOne = others.every(
    ({ decision, fault }) => decision === first.decision && fault === first.fault,
  );
  return isOne ? first : { why: 'which of several decisions was for this person' };
}

function waitingOf({ deferred }: LoggedEnvelope): Decided | { readonly why: string } {
  const fault = deferred?.facts['fault'];
  return typeof fault === 'string'
    ? { decision: 'wait', fault }
    : { why: 'what would be decided: nothing is yet' };
}

/** Undefined: nothing was delivered there by its own rule. */
function usedFor(domain: Domain, { deliveries }: LoggedEnvelope): 'tls' | 'clear' | undefined {
  const last = deliveries.findLast(({ facts }) => facts['destination'] === domain);
  const rule = last?.facts['rule'];
  if (last === undefined || (typeof rule === 'string' && rule.startsWith('route:')))
    return undefined;
  const tls = last.facts['tls'];
  return typeof tls === 'object' && tls !== null ? 'tls' : 'clear';
}

const SEVERITY = ['same', 'changed', 'unknown', 'fails'] as const;

function severityOf(rehearsed: Rehearsed): number {
  const isFailure = rehearsed.kind === 'changed' && rehearsed.fails;
  return SEVERITY.indexOf(isFailure ? 'fails' : rehearsed.kind);
}

function worseOf(a: Rehearsed, b: Rehearsed): Rehearsed {
  return severityOf(b) > severityOf(a) ? b : a;
}

function domainOf(reversePath: string | null): Domain | null {
  const path = parseReversePath(reversePath ?? '');
  return path === null || isNullPath(path) ? null : path.domain;
}

async function comparedTo(
  version: number | undefined,
  { draft, versionOf, now }: ReplayPorts,
): Promise<Compared | null> {
  const before = await versionOf(version ?? 0);
  return before === null ? null : { before, after: draft, now };
}

const openedSchema = z.object({
  verdict: z.object({
    signature: z.enum(['valid', 'invalid', 'none', 'unverifiable']),
    signatureType: z
      .enum(['domain', 'originator', 'review', 'additional-attributes'])
      .nullable()
      .catch(null),
    mapping: z.enum(['ok', 'mismatch', 'exception']).nullable(),
    encryption: z.enum(['domain', 'user', 'none']),
    scope: z.enum(['whole', 'partial']),
    senderLookup: z.enum(['match', 'mismatch', 'not-found', 'unavailable']).exactOptional(),
  }),
  authentication: z
    .object({
      dmarc: z.object({
        result: z.enum(['pass', 'fail', 'none', 'temperror', 'permerror']),
        policy: z.enum(['none', 'quarantine', 'reject']).nullable(),
        domain: z.string().nullable(),
      }),
    })
    .optional(),
  decision: z.enum(['deliver', 'hold', 'refuse', 'wait']),
  fault: z.string().nullable().default(null),
  domains: z.array(z.string()),
  policyVersion: z.number(),
  sentence: z.string().default(''),
});

async function replayInward(envelope: LoggedEnvelope, ports: ReplayPorts): Promise<Result> {
  const { opened } = envelope;
  if (opened === null) return unknown('what is in it: it was never judged');
  const logged = loggedInward(opened, envelope);
  if (logged === null)
    return unknown('by whose rules it was judged: the event is of an older kind');
  const compared = await comparedTo(logged.version, ports);
  if (compared === null) return unknown('the version by which it was decided is not known');
  return rehearseInward(logged.message, compared);
}

function tlsOf({ isTls, isBehindFront }: LoggedEnvelope): LoggedInward['tls'] {
  if (isBehindFront) return 'not-observable';
  return isTls ? 'encrypted' : 'none';
}

function loggedInward(
  opened: RecordedEvent,
  envelope: LoggedEnvelope,
): { readonly message: LoggedInward; readonly version: number } | null {
  const parsed = openedSchema.safeParse(opened.facts);
  if (!parsed.success) return null;
  const { verdict, authentication, decision, fault, domains, sentence } = parsed.data;
  const claimed = domains.flatMap((name) => parseMailbox(`x@${name}`)?.domain ?? []);
  const message: LoggedInward = {
    reversePath: domainOf(envelope.reversePath),
    claimed,
    own: parseMailbox(envelope.forwardPaths?.[0] ?? '')?.domain ?? null,
    verdict,
    dmarc: authentication?.dmarc ?? null,
    tls: tlsOf(envelope),
    decision,
    flagged: decision === 'deliver' && sentence.startsWith('Delivered with a warning'),
    fault,
  };
  return { message, version: parsed.data.policyVersion };
}
