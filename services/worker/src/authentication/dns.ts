import type { DnsAnswer, DnsFailureReason, Resolver } from '@sallyport/lookup';
import { never } from '@sallyport/mail';

/** Questions about one message. SPF alone may take some thirty (RFC 7208 section 4.6.4). */
const MAX_QUESTIONS = 100;
/** A key record or policy that is longer is none. */
const MAX_TEXT_CHARS = 16 * 1024;

/** How mailauth is told what the DNS said: by the codes of node:dns. */
class DnsFault extends Error {
  override readonly name = 'DnsFault';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const CODES = {
  servfail: 'ESERVFAIL',
  timeout: 'ETIMEOUT',
  refused: 'EREFUSED',
  malformed: 'EBADRESP',
} as const satisfies Record<DnsFailureReason, string>;

type Question = (name: string, type: string) => Promise<string[] | string[][]>;

/**
 * Our own resolver in the form that mailauth takes, for one message: so many questions, and no
 * answer after the deadline. Both end in a temporary failure.
 */
export function questionsFor(resolver: Resolver, deadlineMs: number): Question {
  const until = performance.now() + deadlineMs;
  let left = MAX_QUESTIONS;
  return async (name, type) => {
    left -= 1;
    const leftMs = until - performance.now();
    if (left < 0 || leftMs <= 0) throw new DnsFault(CODES.timeout);
    return await within(leftMs, ask(resolver, name, type));
  };
}

async function ask(resolver: Resolver, name: string, type: string): Promise<string[] | string[][]> {
  switch (type) {
    case 'TXT': {
      const texts = recordsOf(await resolver.query(name, type));
      return texts.filter((text) => text.length <= MAX_TEXT_CHARS).map((text) => [text]);
    }
    case 'MX': {
      const records = recordsOf(await resolver.query(name, type));
      const found = records.map(({ exchange, preference: priority }) => ({ exchange, priority }));
      // The declared type of mailauth forgets what an MX record is.
      return found as unknown as string[];
    }
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'PTR':
      return [...recordsOf(await resolver.query(name, type))];
    default:
      throw new DnsFault('ENODATA');
  }
}

/** @throws DnsFault for what is no answer. */
function recordsOf<Data>(answer: DnsAnswer<Data>): readonly Data[] {
  switch (answer.kind) {
    case 'answer':
      return answer.records;
    case 'none':
      throw new DnsFault(answer.reason === 'nxdomain' ? 'ENOTFOUND' : 'ENODATA');
    case 'failure':
      throw new DnsFault(CODES[answer.reason]);
    default:
      return never(answer);
  }
}

async function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DnsFault(CODES.timeout)), ms);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
