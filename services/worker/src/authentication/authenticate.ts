import { MESSAGE_LIMITS } from '@sallyport/domsec';
import type { ClientFacts } from '@sallyport/ipc';
import type { Resolver } from '@sallyport/lookup';
import {
  asBuffer,
  type Content,
  type Domain,
  isNullPath,
  parseDomain,
  parseReversePath,
} from '@sallyport/mail';
import { authors, type Entity, type HeaderField, readEntity } from '@sallyport/mime';
import type { DmarcFacts } from '@sallyport/policy';
import { questionsFor } from './dns.ts';
import { type Authentication, type DkimFacts, SAID_BY_FRONT, type SpfFacts } from './facts.ts';
import { type FrontResults, readFrontResults } from './front-results.ts';
import { LineFault, LineWatch } from './line-watch.ts';

/** For all questions about one message; what is not known by then is a temporary failure. */
const DEADLINE_MS = 10_000;
/** Looked at from the top: the last ones to sign stand there. */
const MAX_SIGNATURES = 5;
/** Longer fields are not looked at: each name in `h=` is sought among all fields. */
const MAX_SIGNATURE_BYTES = 4 * 1024;
const MAX_HEADER_BYTES = 512 * 1024;
/** RFC 7489 section 6.6.1: each is asked, and the worst counts. */
const MAX_AUTHOR_DOMAINS = 5;

const EMPTY_LINE = Buffer.from('\r\n');

/**
 * SPF, DKIM and DMARC of a message as it was received. A trusted front's word stands in where ours
 * cannot be had. Never throws for what a stranger sent or for what the DNS did: that is a result.
 */
export async function authenticate(
  message: {
    readonly content: Content;
    readonly client: ClientFacts | null;
    readonly reversePath: string;
  },
  ports: { readonly resolver: Resolver; readonly authservId: string; readonly now: Date },
): Promise<Authentication> {
  const resolver = questionsFor(ports.resolver, DEADLINE_MS);
  const [spf, read] = await Promise.all([
    spfOf(message, resolver, ports.authservId),
    readEntity(message.content, MESSAGE_LIMITS.mime),
  ]);
  if (read.kind === 'malformed') return { spf, dkim: [], dmarc: NO_DMARC, fromFront: [] };
  const dkim = await dkimOf(read.value, { resolver, now: ports.now });
  const { header } = read.value;
  const own = { spf, dkim, dmarc: await dmarcOf(header, { spf, dkim }, resolver) };
  return await withFront(own, { header, resolver, ...message });
}

type Own = Omit<Authentication, 'fromFront'>;

interface Received {
  readonly header: readonly HeaderField[];
  readonly client: ClientFacts | null;
  readonly reversePath: string;
  readonly resolver: Question;
}

/** What a trusted front knows and we cannot: whose address it was, what stood there before it wrote. */
async function withFront(own: Own, received: Received): Promise<Authentication> {
  const { header, client, resolver } = received;
  const authservId = client?.front?.authservId;
  if (authservId === undefined) return { ...own, fromFront: [] };
  const path = parseReversePath(received.reversePath);
  const reversePath = path === null || isNullPath(path) ? null : path.domain;
  const said = readFrontResults(header, { authservId, reversePath });
  const isClientKnown = client?.front?.clientKnown === true;
  const spf = isClientKnown || path === null ? null : said.spf;
  const passed = signaturesOf(said, own.dkim);
  const facts = { spf: spf ?? own.spf, dkim: [...own.dkim, ...passed] };
  const fromFront: Authentication['fromFront'][number][] = [
    ...(spf === null ? [] : (['spf'] as const)),
    ...(passed.length === 0 ? [] : (['dkim'] as const)),
  ];
  // What DNS says of the author's domain we know ourselves: only who sent it is the front's to say.
  const isOpen = own.dmarc.result === 'fail' || own.dmarc.result === 'temperror';
  if (!isOpen) return { ...facts, dmarc: own.dmarc, fromFront };
  const author = onlyAuthorOf(header);
  const dmarc = author === null ? null : said.dmarcOf(author);
  if (dmarc === null || author === null) {
    return { ...facts, dmarc: await dmarcOf(header, facts, resolver), fromFront };
  }
  const { policy } = own.dmarc;
  fromFront.push('dmarc');
  return { ...facts, dmarc: { result: dmarc, policy, domain: author }, fromFront };
}

/** Signatures that passed where the front took the message in, and do not with us. */
function signaturesOf(said: FrontResults, own: readonly DkimFacts[]): readonly DkimFacts[] {
  const known = new Set(own.flatMap(({ result, domain }) => (result === 'pass' ? domain : [])));
  const nothing = { selector: null, algorithm: null, start: null, reason: SAID_BY_FRONT };
  return said.dkimDomains
    .filter((domain) => !known.has(domain))
    .map((domain) => ({ result: 'pass', domain, ...nothing }));
}

function onlyAuthorOf(header: readonly HeaderField[]): Domain | null {
  const { from, malformed } = authors(header, MESSAGE_LIMITS.mime);
  const domains = new Set(from.map(({ domain }) => domain));
  const [domain] = domains;
  return malformed || domains.size !== 1 ? null : parseDomain(domain ?? '');
}

type Question = ReturnType<typeof questionsFor>;

// Loaded with the first message: nothing else needs it, and the start need not wait for it.
async function door() {
  return await import('./mailauth.ts');
}

async function spfOf(
  { client, reversePath }: Parameters<typeof authenticate>[0],
  resolver: Question,
  authservId: string,
): Promise<SpfFacts> {
  const path = parseReversePath(reversePath);
  const identity = reversePath === '' ? 'helo' : 'mailfrom';
  if (client === null || path === null) return { result: 'none', identity, domain: null };
  // The address is the front's own: what SPF says of that says nothing of the sender.
  if (client.front?.clientKnown === false) return { result: 'none', identity, domain: null };
  const { address, helo } = client;
  const sender = isNullPath(path) ? '' : `${path.localPart}@${path.domain}`;
  const options = { reversePath: sender, resolver, authservId, deadlineMs: DEADLINE_MS };
  return await (await door()).checkClient({ address, helo }, options);
}

async function dkimOf(
  { header, body }: Entity,
  options: { readonly resolver: Question; readonly now: Date },
): Promise<readonly DkimFacts[]> {
  const kept = boundedHeader(header);
  const bytes = kept.reduce((sum, { raw }) => sum + raw.length, 0);
  if (!kept.some(isSignature)) return [];
  if (bytes > MAX_HEADER_BYTES) return [unchecked('the header section is too long')];
  const source = new BodySource(body);
  try {
    return await (await door()).verifySignatures(source.withHeader(kept), options);
  } catch {
    // What the disk did is ours to know; what the library makes of a stranger's bytes is a result.
    const { fault } = source;
    if (fault !== null && !(fault instanceof LineFault)) throw fault;
    return [unchecked(fault?.message ?? 'it cannot be read')];
  }
}

function isSignature({ name }: HeaderField): boolean {
  return name.toLowerCase() === 'dkim-signature';
}

/** The fields without signatures beyond the bounds (RFC 6376 section 6.1: a verifier may limit them). */
function boundedHeader(header: readonly HeaderField[]): readonly HeaderField[] {
  let signatures = 0;
  return header.filter((field) => {
    if (!isSignature(field)) return true;
    if (field.raw.length > MAX_SIGNATURE_BYTES) return false;
    signatures += 1;
    return signatures <= MAX_SIGNATURES;
  });
}

function unchecked(reason: string): DkimFacts {
  const nobody = { domain: null, selector: null, algorithm: null, start: null };
  return { ...nobody, result: 'permerror', reason };
}

/** A body on its way to mailauth; knows what went wrong on our side of it. */
class BodySource {
  readonly #body: Content;
  fault: Error | null = null;

  constructor(body: Content) {
    this.#body = body;
  }

  async *withHeader(header: readonly HeaderField[]): AsyncGenerator<Uint8Array> {
    yield Buffer.concat([...header.map(({ raw }) => raw), EMPTY_LINE]);
    const watch = new LineWatch();
    try {
      for await (const chunk of this.#body.open()) {
        watch.see(asBuffer(chunk));
        yield chunk;
      }
    } catch (cause) {
      this.fault = cause instanceof Error ? cause : new Error('the body cannot be read', { cause });
      throw this.fault;
    }
  }
}

const NO_DMARC: DmarcFacts = { result: 'none', policy: null, domain: null };
const WORST = ['pass', 'none', 'permerror', 'temperror', 'fail'] as const;
const POLICIES = ['none', 'quarantine', 'reject'] as const;

async function dmarcOf(
  header: readonly HeaderField[],
  { spf, dkim }: Pick<Authentication, 'spf' | 'dkim'>,
  resolver: Question,
): Promise<DmarcFacts> {
  const { from, malformed } = authors(header, MESSAGE_LIMITS.mime);
  const domains = [...new Set(from.map(({ domain }) => domain))];
  // Such a message is refused for what it is; nothing is said in anybody's name.
  if (malformed || domains.length > MAX_AUTHOR_DOMAINS) {
    return { result: 'permerror', policy: null, domain: null };
  }
  const passed = {
    spfDomains: spf.result === 'pass' && spf.domain !== null ? [spf.domain] : [],
    dkimDomains: dkim.flatMap((one) => (one.result === 'pass' ? (one.domain ?? []) : [])),
  };
  const { checkAlignment } = await door();
  let worst: DmarcFacts | null = null;
  for (const domain of domains) {
    const found = await checkAlignment(domain, { ...passed, resolver });
    const result = WORST.find((word) => word === found.result) ?? 'permerror';
    const policy = POLICIES.find((word) => word === found.policy) ?? null;
    const isWorse = worst === null || WORST.indexOf(result) > WORST.indexOf(worst.result);
    if (isWorse) worst = { result, policy, domain };
  }
  return worst ?? NO_DMARC;
}
