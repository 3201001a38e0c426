/** The one door to mailauth: its DNS is ours, and nothing of what it returns is text for a header. */
import { Readable } from 'node:stream';
import { parseDomain } from '@sallyport/mail';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { evaluateDmarc } from 'mailauth/lib/dmarc/index.js';
import { spf } from 'mailauth/lib/spf/index.js';
import type { questionsFor } from './dns.ts';
import { DKIM_RESULTS, type DkimFacts, SPF_RESULTS, type SpfFacts } from './facts.ts';

type Question = ReturnType<typeof questionsFor>;

const START_CHARS = 8;

/** Verifies every DKIM-Signature of a message that is handed over piece by piece (RFC 6376 section 6). */
export async function verifySignatures(
  message: AsyncIterable<Uint8Array>,
  { resolver, now }: { readonly resolver: Question; readonly now: Date },
): Promise<readonly DkimFacts[]> {
  const source = Readable.from(message, { objectMode: false });
  // It pipes, so what it stops to read it would leave open.
  const { results } = await dkimVerify(source, { resolver, curTime: now, strict: true }).finally(
    () => source.destroy(),
  );
  return results.flatMap((one): DkimFacts[] => {
    const { status, signingDomain, selector, signature, algo } = one;
    const result = oneOf(DKIM_RESULTS, status.result) ?? 'permerror';
    if (result === 'none') return [];
    const facts = {
      domain: parseDomain(signingDomain ?? ''),
      selector: wordOf(selector),
      algorithm: wordOf(algo),
      start: startOf(signature),
    };
    // RFC 6376 section 8.2: under a passing `l=` anybody can add what readers see first.
    const isPartial = result === 'pass' && (status.underSized ?? 0) > 0;
    if (isPartial)
      return [{ ...facts, result: 'policy', reason: 'a part of the body is unsigned' }];
    return [{ ...facts, result, reason: result === 'pass' ? null : reasonOf(status.comment) }];
  });
}

/** Whether the client may send for the reverse-path, or for its HELO if that is null (RFC 7208). */
export async function checkClient(
  client: { readonly address: string; readonly helo: string },
  options: {
    readonly reversePath: string;
    readonly resolver: Question;
    readonly authservId: string;
    readonly deadlineMs: number;
  },
): Promise<SpfFacts> {
  const { reversePath, resolver, authservId: mta, deadlineMs } = options;
  const { domain, status } = await spf({
    ip: client.address,
    helo: client.helo,
    sender: reversePath,
    mta,
    resolver,
    strict: true,
    maxElapsedTime: deadlineMs,
  });
  return {
    result: oneOf(SPF_RESULTS, status.result) ?? 'permerror',
    identity: reversePath === '' ? 'helo' : 'mailfrom',
    domain: parseDomain(domain),
  };
}

/** What DMARC says of one author domain, given what SPF and DKIM passed for. */
export async function checkAlignment(
  author: string,
  options: {
    readonly spfDomains: string[];
    readonly dkimDomains: readonly string[];
    readonly resolver: Question;
  },
): Promise<{ readonly result: string; readonly policy: string | null }> {
  const { response } = await evaluateDmarc({
    headerFrom: author,
    fromFields: 1,
    spfDomains: options.spfDomains,
    dkimDomains: options.dkimDomains.map((domain) => ({ domain })),
    resolver: options.resolver,
    strict: true,
  });
  if (response === false) return { result: 'permerror', policy: null };
  return { result: response.status.result, policy: response.policy ?? null };
}

function oneOf<const Words extends readonly string[]>(
  words: Words,
  text: string,
): Words[number] | null {
  return words.find((word) => word === text) ?? null;
}

/** A token that needs no quoting (RFC 8601 section 2.2); a stranger wrote it. */
function wordOf(text: string | undefined): string | null {
  return text !== undefined && /^[A-Za-z0-9._-]{1,128}$/.test(text) ? text.toLowerCase() : null;
}

function startOf(signature: string | undefined): string | null {
  const start = signature?.slice(0, START_CHARS) ?? '';
  return /^[A-Za-z0-9+/=]+$/.test(start) ? start : null;
}

/** mailauth's own words, without what a stranger may have put into them. */
function reasonOf(comment: string | undefined): string | null {
  const text = comment?.replace(/:.*/, '') ?? '';
  return /^[A-Za-z ]{1,60}$/.test(text) ? text : null;
}
