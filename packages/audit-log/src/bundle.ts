import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseCanonical } from './canonical.ts';
import { foreignHead } from './checkpoints.ts';
import { type EventProof, eventProofSchema, proofFault } from './event-proof.ts';
import { type SignedHead, signedHeadSchema, verifyHead } from './head.ts';
import { verifyConsistency } from './proof.ts';
import { type RecordedEvent, readEvent } from './read.ts';
import { type Withheld, withhold } from './withhold.ts';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const FORMAT = 'sallyport audit bundle v1';
const NOTE =
  'Check offline: sallyport audit verify FILE --key LOG-KEY. Each event lies under the signed head; the bundle does not say that nothing was left out of it.';

/** Proves that the head of a bundle continues an older one (RFC 9162 section 2.1.4). */
const consistencySchema = z.strictObject({ from: signedHeadSchema, path: z.array(hex).max(128) });

const bundleHeadSchema = z.strictObject({
  bundle: z.strictObject({
    format: z.literal(FORMAT),
    note: z.string(),
    head: signedHeadSchema,
    /** SPKI, PEM. Whoever wants to know the origin takes it from elsewhere. */
    publicKey: z.string().max(2_000),
    /** Lines that follow. */
    events: z.int().nonnegative(),
    /** What was asked for, in words. */
    selection: z.string(),
    consistency: consistencySchema.optional(),
  }),
});
const bundleEventSchema = z.strictObject({
  event: eventProofSchema.omit({ format: true, head: true }),
});

/** What the first line of a bundle says. */
export type BundleHead = z.infer<typeof bundleHeadSchema>['bundle'];

/** The first line of a bundle, with its line feed. */
export function formatBundleHead(of: Omit<BundleHead, 'format' | 'note'>): string {
  const { head, publicKey, events, selection, consistency } = of;
  const bundle = { format: FORMAT, note: NOTE, head, publicKey, events, selection };
  return `${JSON.stringify({ bundle: { ...bundle, ...(consistency === undefined ? {} : { consistency }) } })}\n`;
}

/** One event of a bundle with its proof as a line; what is withheld is left out. */
export function formatBundleEvent(proof: EventProof, withheld: Withheld = 'none'): string {
  const { index, leaf, path } = proof;
  const personal = withhold(proof.personal, withheld);
  return `${JSON.stringify({ event: { index, leaf, personal, path } })}\n`;
}

/** True if the line is the first one of a bundle. */
export function isBundleHead(line: string): boolean {
  return bundleHeadSchema.safeParse(parseJson(line)).success;
}

/** What is found in a bundle. */
export type BundleVerdict =
  | {
      readonly kind: 'ok';
      readonly events: number;
      readonly head: SignedHead;
      /** Personal values that are not in it. */
      readonly withheld: number;
      /** `not-comparable`: it has no proof that leads from a checkpoint to its head. */
      readonly checkpoint: 'none' | 'matches' | 'not-comparable';
    }
  | {
      readonly kind: 'damaged';
      /** 1-based. */
      readonly line: number;
      readonly reason: string;
    };

/** How a bundle is verified. */
export interface BundleOptions {
  /** Null takes the one of the bundle: consistency, not origin. */
  readonly publicKey: KeyObject | null;
  /** Heads that were kept elsewhere; each that can be is compared. */
  readonly checkpoints?: readonly SignedHead[];
  /** Gets each event that holds. */
  readonly take?: (event: RecordedEvent) => void;
}

/** The key that a bundle brings; null if the line is no beginning of a bundle, or it is no Ed25519 key. */
export function bundleKey(firstLine: string): KeyObject | null {
  const head = bundleHeadSchema.safeParse(parseJson(firstLine)).data?.bundle;
  if (head === undefined) return null;
  try {
    const key = createPublicKey(head.publicKey);
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

/**
 * Verifies a bundle offline: each event, its personal values, its path, the head. Names the first bad
 * line. A line is null if it is too long, has no end or is no UTF-8.
 */
export async function verifyBundle(
  lines: AsyncIterable<string | null> | Iterable<string | null>,
  options: BundleOptions,
): Promise<BundleVerdict> {
  let bundle: BundleHead | null = null;
  let number = 0;
  let last = -1;
  let withheld = 0;
  const damaged = (reason: string, line = number) => ({ kind: 'damaged', line, reason }) as const;
  for await (const line of lines) {
    number += 1;
    if (line === null) return damaged('this is no whole line of a proof');
    if (bundle === null) {
      const found = openBundle(line, options);
      if (typeof found === 'string') return damaged(found);
      bundle = found;
      continue;
    }
    const found = checkEvent(line, bundle.head, last);
    if (typeof found === 'string') return damaged(found);
    last = found.event.index;
    withheld += found.withheld;
    options.take?.(found.event);
  }
  if (bundle === null) return damaged('it is empty', 1);
  if (number - 1 !== bundle.events) {
    return damaged(
      `${bundle.events} events were put into it and ${number - 1} are here`,
      number + 1,
    );
  }
  const checkpoint = compare(bundle, options.checkpoints ?? []);
  if (checkpoint === null) return damaged('its head does not continue the checkpoint', 1);
  return { kind: 'ok', events: bundle.events, head: bundle.head, withheld, checkpoint };
}

function openBundle(line: string, options: BundleOptions): BundleHead | string {
  const bundle = parseCanonical(bundleHeadSchema, line)?.bundle;
  if (bundle === undefined) return 'this is no beginning of a bundle';
  const key = options.publicKey ?? bundleKey(line);
  if (key === null) return 'the key in it is no Ed25519 key';
  if (!verifyHead(bundle.head, key)) return 'the head is not signed by this log key';
  if (foreignHead(options.checkpoints ?? [], key) !== null) {
    return 'the checkpoint is not signed by this log key: one of the two is of another log, or forged';
  }
  const { consistency } = bundle;
  if (consistency === undefined) return bundle;
  if (!verifyHead(consistency.from, key)) return 'the older head is not signed by this log key';
  return isContinued(bundle.head, consistency)
    ? bundle
    : 'the head does not continue the older one';
}

function isContinued(head: SignedHead, { from, path }: z.infer<typeof consistencySchema>): boolean {
  const tree = ({ size, root }: SignedHead) => ({ size, root: Buffer.from(root, 'hex') });
  const nodes = path.map((node) => Buffer.from(node, 'hex'));
  return verifyConsistency(tree(from), tree(head), nodes);
}

function checkEvent(
  line: string,
  head: SignedHead,
  last: number,
): { event: RecordedEvent; withheld: number } | string {
  const parsed = parseCanonical(bundleEventSchema, line)?.event;
  if (parsed === undefined) return 'this is no event with its proof';
  if (parsed.index <= last) return `event ${parsed.index} stands out of order or twice`;
  const reason = proofFault({ format: 'sallyport audit proof v1', head, ...parsed });
  if (reason !== null) return reason;
  const event = readEvent({ leaf: parsed.leaf, hash: '', personal: parsed.personal });
  if (event === null) return 'this is no event';
  const withheld = Object.values(event.personal).filter((value) => value === null).length;
  return { event, withheld };
}

function compare(
  { head, consistency }: BundleHead,
  checkpoints: readonly SignedHead[],
): 'none' | 'matches' | 'not-comparable' | null {
  if (checkpoints.length === 0) return 'none';
  const proven = new Map(
    [head, ...(consistency === undefined ? [] : [consistency.from])].map((one) => [
      one.size,
      one.root,
    ]),
  );
  const comparable = checkpoints.filter(({ size }) => proven.has(size));
  if (comparable.some(({ size, root }) => proven.get(size) !== root)) return null;
  return comparable.length === 0 ? 'not-comparable' : 'matches';
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
