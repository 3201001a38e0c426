import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { formatCapability, readCapabilities } from '@sallyport/cms';
import { type Domain, formatMailbox, type Mailbox, sameMailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import {
  type Announcement,
  type CapabilityFacts,
  type CertificateFacts,
  CONTENT_CIPHERS,
  type KeyTransport,
} from '@sallyport/policy';
import { type Entry, parseFile, pathOf } from './capability-file.ts';
import { prefers } from './heard.ts';

const MAX_CACHED = 1_000;
const MAX_FILE_BYTES = 1024 * 1024;
/** Signers of one domain who announced something within this time of the newest count together. */
const TOGETHER_MS = 30 * 86_400_000;
/** id-smime-capabilities as a certificate extension (RFC 4262 section 2). */
const CAPABILITIES_EXTENSION = '1.2.840.113549.1.9.15';

interface Question {
  readonly recipient: Mailbox;
  /** The rule that applies to the recipient. */
  readonly rule: string;
  /** The certificate that is to be encrypted to. */
  readonly certificate: Certificate;
  readonly now: Date;
}

/** Reads what worker inward learned; writes nothing. */
export class KnownCapabilities {
  readonly #folder: string;
  readonly #cache = new Map<
    string,
    { readonly version: string; readonly entries: readonly Entry[] }
  >();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Adds to a certificate that was found what its owner can read, as far as it was announced. */
  async addTo(
    facts: CertificateFacts,
    asked: Omit<Question, 'certificate'>,
  ): Promise<CertificateFacts> {
    if (facts.kind !== 'found') return facts;
    const { certificate } = facts.certificate;
    return { ...facts, capabilities: await this.#factsFor({ ...asked, certificate }) };
  }

  async #factsFor(question: Question): Promise<CapabilityFacts> {
    const { rule, recipient, certificate } = question;
    const entries = await this.#entries({ rule, domain: recipient.domain });
    return {
      announced: speakersFor(entries, question).map((one) => announcementOf(one.capabilities)),
      certificate: announcementIn(certificate),
    };
  }

  async #entries(place: { rule: string; domain: Domain }): Promise<readonly Entry[]> {
    const path = pathOf(this.#folder, place);
    // Most partners announced nothing yet, and a look is cheaper than a trip to the thread pool.
    if (!existsSync(path)) return [];
    // What cannot be read is not known; the default holds, which the floor holds up.
    const facts = await stat(path, { bigint: true }).catch(() => null);
    if (facts === null || facts.size > MAX_FILE_BYTES) return [];
    const version = `${facts.ino}:${facts.mtimeNs}:${facts.size}`;
    const cached = this.#cache.get(path);
    if (cached?.version === version) return cached.entries;
    const entries = parseFile(await readFile(path, 'utf8').catch(() => ''));
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(path, { version, entries });
    return entries;
  }
}

/**
 * Who speaks for the certificate: its owner, if it is a person's; else the authorities of the
 * domain, and of these, those alone that ask for mail under this very certificate, if any does.
 */
function speakersFor(
  entries: readonly Entry[],
  { recipient, certificate, now }: Question,
): readonly Entry[] {
  const isPersonal = certificate.mailboxes.some((one) => sameMailbox(one, recipient));
  const named = formatMailbox(recipient);
  const current = entries.filter(
    (one) =>
      Date.parse(one.notAfter) > now.getTime() &&
      (isPersonal
        ? one.role === 'originator' && one.mailboxes.includes(named)
        : one.role === 'domain'),
  );
  const asking = current.filter((one) => prefers(one.keyPreference, certificate));
  const speakers = asking.length > 0 ? asking : current;
  const signedAt = (one: Entry): number => Date.parse(one.signingTime);
  const sorted = speakers.toSorted((a, b) => signedAt(b) - signedAt(a));
  const newest = sorted[0] === undefined ? 0 : signedAt(sorted[0]);
  return sorted.filter((one) => newest - signedAt(one) <= TOGETHER_MS);
}

function announcementIn(certificate: Certificate): Announcement | null {
  const extension = certificate.extensions.raw.get(CAPABILITIES_EXTENSION);
  const list = extension === undefined ? null : readCapabilities(extension.value);
  return list === null ? null : announcementOf(list.map(formatCapability));
}

/** Of the words of a list, those that say how to encrypt. */
export function announcementOf(words: readonly string[]): Announcement {
  return {
    content: words.flatMap((word) => CONTENT_CIPHERS.find((cipher) => cipher === word) ?? []),
    namesContent: words.some((word) => /-(cbc|gcm|ccm|poly1305)$/.test(word)),
    keyTransport: [...new Set(words.flatMap((word) => keyTransportOf(word) ?? []))],
  };
}

function keyTransportOf(word: string): KeyTransport | null {
  if (word === 'rsa-pkcs1v15') return 'rsa-pkcs1v15';
  // The one form of OAEP that we write (RFC 8551 section 2.3).
  if (word === 'rsa-oaep sha256 mgf1-sha256') return 'rsa-oaep';
  if (word.startsWith('ecdh ')) return 'ecdh';
  return word.startsWith('ml-kem-') ? 'ml-kem' : null;
}
