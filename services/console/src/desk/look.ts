import { createHash } from 'node:crypto';
import {
  type adviseProtocol,
  type CallResult,
  type IpcClient,
  IpcUnavailable,
} from '@sallyport/ipc';
import { type Domain, parseDomain, parseMailbox } from '@sallyport/mail';
import { orAway, orRefused, type Refused } from './refused.ts';

type Advise = IpcClient<typeof adviseProtocol>;
export type Surveyed = CallResult<typeof adviseProtocol, 'survey'>;
export type Probed = CallResult<typeof adviseProtocol, 'probe'>;
export type Trusted = CallResult<typeof adviseProtocol, 'trust'>;
export type Described = CallResult<typeof adviseProtocol, 'describe'>['certificates'][number];

/** Other hosts are waited for; a browser that hears nothing for a minute is cut off (server.ts). */
export const LOOK_MS = 50_000;
/** One call is a frame of a megabyte. */
const MAX_DESCRIBED_CHARS = 300_000;
const MAX_DESCRIBED_AT_ONCE = 20;
/** On one page. */
const MAX_DESCRIBED = 120;
/** For one list of partners. */
const MAX_ENDS_ASKED = 400;
const MAX_ENDS_KEPT = 4_000;
const MAX_RUNNING = 8;
const BUSY: Refused = {
  kind: 'refused',
  sentence: 'Too much is being looked up at the moment. Try again in a minute.',
};

/** What stands in certificates. */
export interface DescribedList {
  readonly certificates: readonly Described[];
  /** So many more were given. */
  readonly left: number;
}

/** What is looked up at strangers, by worker advise: the console itself connects to nobody. */
export interface LookDesk {
  survey(domain: string): Promise<{ readonly kind: 'found'; readonly found: Surveyed } | Refused>;
  probe(domain: string): Promise<{ readonly kind: 'found'; readonly found: Probed } | Refused>;
  trust(of: {
    readonly address: string;
    readonly role: 'confidentiality' | 'signing';
  }): Promise<{ readonly kind: 'found'; readonly found: Trusted } | Refused>;
  /** What stands in certificates, PEM or DER in base64; null while nobody can read them. */
  describe(texts: readonly string[]): Promise<DescribedList | null>;
  /** When certificates end, by their text; null while nobody can read them. */
  endsOf(texts: readonly string[]): Promise<ReadonlyMap<string, string> | null>;
}

export function createLookDesk(advise: Advise): LookDesk {
  const options = { deadlineMs: LOOK_MS };
  let running = 0;
  /** Each look is many questions to strangers: nobody makes a crowd of them out of this gateway. */
  const bounded = async <T>(look: () => Promise<T>): Promise<T | Refused> => {
    if (running >= MAX_RUNNING) return BUSY;
    running += 1;
    try {
      return await orLate(async () => await orRefused(look), LOOK_MS);
    } finally {
      running -= 1;
    }
  };
  const describe = async (texts: readonly string[]): Promise<Described[] | null> =>
    await orAway(async () => {
      const found: Described[] = [];
      for (const certificates of batchesOf(texts)) {
        found.push(...(await advise.call('describe', { certificates })).certificates);
      }
      return found;
    });
  return {
    survey: async (text) => {
      const domain = domainOf(text);
      if (typeof domain !== 'string') return domain;
      return await bounded(async () => {
        const found = await advise.call('survey', { domain }, options);
        return { kind: 'found', found } as const;
      });
    },
    probe: async (text) => {
      const domain = domainOf(text);
      if (typeof domain !== 'string') return domain;
      return await bounded(async () => {
        const found = await advise.call('probe', { domain }, options);
        return { kind: 'found', found } as const;
      });
    },
    trust: async (of) => {
      if (parseMailbox(of.address) === null) return NO_ADDRESS;
      return await bounded(async () => {
        const found = await advise.call('trust', of, options);
        return { kind: 'found', found } as const;
      });
    },
    describe: async (texts) => {
      const certificates = await describe(texts.slice(0, MAX_DESCRIBED));
      if (certificates === null) return null;
      return { certificates, left: Math.max(0, texts.length - MAX_DESCRIBED) };
    },
    endsOf: endsOf(describe),
  };
}

/** A certificate never changes: what was read once is kept. */
function endsOf(
  describe: (texts: readonly string[]) => Promise<readonly Described[] | null>,
): LookDesk['endsOf'] {
  /** By SHA-256. */
  const kept = new Map<string, string>();
  return async (texts) => {
    if (kept.size > MAX_ENDS_KEPT) kept.clear();
    const asked = new Map(texts.slice(0, MAX_ENDS_ASKED).map((text) => [text, digestOf(text)]));
    const unknown = [...asked].flatMap(([text, digest]) => (kept.has(digest) ? [] : [text]));
    const found = await describe(unknown);
    if (found === null) return null;
    for (const one of found) {
      if (one.kind === 'certificate') kept.set(one.value.sha256, one.value.notAfter);
    }
    return new Map(
      [...asked].flatMap(([text, digest]) => {
        const end = kept.get(digest);
        return end === undefined ? [] : [[text, end] as const];
      }),
    );
  };
}

/** SHA-256 of the first certificate in a text; nothing in it is read. */
function digestOf(pem: string): string {
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]*)/.exec(pem) ?? [];
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
}

function batchesOf(texts: readonly string[]): string[][] {
  const batches: string[][] = [];
  let chars = 0;
  for (const text of texts) {
    const batch = batches.at(-1);
    chars += text.length;
    if (
      batch === undefined ||
      batch.length >= MAX_DESCRIBED_AT_ONCE ||
      chars > MAX_DESCRIBED_CHARS
    ) {
      batches.push([text]);
      chars = text.length;
    } else batch.push(text);
  }
  return batches;
}

/** Asks; a deadline that passed is an answer. */
export async function orLate<T>(ask: () => Promise<T>, deadlineMs: number): Promise<T | Refused> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof IpcUnavailable) || error.kind !== 'deadline') throw error;
    const sentence = `There was no answer within ${deadlineMs / 1_000} seconds. Try again.`;
    return { kind: 'refused', sentence };
  }
}

const NO_ADDRESS: Refused = { kind: 'refused', sentence: 'That is not an address.' };

function domainOf(text: string): Domain | Refused {
  const domain = parseDomain(text.trim());
  return domain ?? { kind: 'refused', sentence: 'That is not a domain.' };
}
