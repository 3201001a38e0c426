import {
  accessUris,
  type Certificate,
  type PathInput,
  type PathResult,
  validatePath,
} from '@sallyport/pki';
import { searchKey, storeQuery } from '../http/certificate-store.ts';
import { fetchIssuers } from './fetch-facts.ts';
import { inTime, noteRecalled, type Proof, shownUrl } from './proof-ports.ts';

const MAX_ROUNDS = 4;
const MAX_FETCHES = 8;
const MAX_FETCHES_FOR_PIN = 2;
const MAX_ISSUERS_OF_PIN = 8;
const MAX_FETCHED_CERTIFICATES = 64;

/** Certificates, and what `validatePath` says of them as long as nothing is known of revocation. */
export interface Built {
  readonly input: PathInput;
  readonly found: PathResult;
}

/**
 * Adds the issuers that the certificates at hand point to, until there is a path to an anchor or
 * nothing is left to ask (RFC 5280 section 4.2.2.1, RFC 4387 section 3.1).
 */
export async function withIssuers(request: PathInput, proof: Proof): Promise<Built> {
  let input = request;
  let found = validateSoftly(input);
  if (found.kind === 'valid' || !needsIssuers(input)) return { input, found };
  const asked = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS && found.kind === 'invalid'; round += 1) {
    const urls = pointersOf(input).filter((url) => !asked.has(url));
    const next = urls.slice(0, MAX_FETCHES - asked.size);
    if (next.length === 0) break;
    for (const url of next) asked.add(url);
    const fetched = await Promise.all(next.map((url) => fetchOne(url, proof)));
    input = { ...input, intermediates: merged(input.intermediates, fetched.flat()) };
    found = validateSoftly(input);
  }
  return { input, found };
}

interface Pinned {
  readonly input: PathInput;
  /** The CA that signed a pinned certificate, if it is at hand; empty for others. */
  readonly issuer: readonly Certificate[];
}

/** A pinned certificate is its own path; the CA that signed it may still have revoked it. */
export async function withIssuerOfPin(input: PathInput, proof: Proof): Promise<Pinned> {
  const { leaf, anchors } = input;
  const isPinned = anchors.some(({ fingerprint }) => fingerprint === leaf.fingerprint);
  if (!isPinned || isRoot(leaf)) return { input, issuer: [] };
  const atHand = issuerOf(input);
  if (atHand.length > 0) return { input, issuer: atHand };
  const urls = pointersOfOne(leaf).slice(0, MAX_FETCHES_FOR_PIN);
  const fetched = await Promise.all(urls.map((url) => fetchOne(url, proof)));
  const known = { ...input, intermediates: merged(input.intermediates, fetched.flat()) };
  return { input: known, issuer: issuerOf(known) };
}

function issuerOf(input: PathInput): Certificate[] {
  const { leaf, anchors, intermediates } = input;
  const named = [...anchors, ...intermediates].filter(
    (one) => one.subjectName.key === leaf.issuerName.key && one.fingerprint !== leaf.fingerprint,
  );
  // As if it were an anchor: only a CA that did sign the end entity passes.
  const signed = named
    .slice(0, MAX_ISSUERS_OF_PIN)
    .find(
      (one) => validateSoftly({ ...input, anchors: [one], intermediates: [] }).kind === 'valid',
    );
  return signed === undefined ? [] : [signed];
}

/** What is asked of revocation comes later; soft lets what concerns it stand until then. */
function validateSoftly(input: PathInput): PathResult {
  return validatePath({ ...input, revocation: { mode: 'soft' } });
}

/** Without anchors, or with a fault of its own, no issuer helps the end entity. */
function needsIssuers(input: PathInput): boolean {
  const { leaf, anchors } = input;
  return anchors.length > 0 && validateSoftly({ ...input, anchors: [leaf] }).kind === 'valid';
}

async function fetchOne(url: string, proof: Proof): Promise<readonly Certificate[]> {
  const started = performance.now();
  const { issuers } = proof.ports.revocation;
  const recall = issuers.recall(url, () => fetchIssuers(url, proof.ports));
  const recalled = await inTime(recall, proof.signal);
  const certificates = recalled.values.flat();
  const what = `${certificates.length} certificate(s) of issuers`;
  const asked = { door: 'issuers', query: `fetch issuer from ${shownUrl(url)}`, started } as const;
  noteRecalled(proof, asked, { recalled, what });
  return certificates;
}

function merged(known: readonly Certificate[], fetched: readonly Certificate[]): Certificate[] {
  const seen = new Set(known.map(({ fingerprint }) => fingerprint));
  const fresh = fetched.filter(({ fingerprint }) => {
    const isNew = !seen.has(fingerprint);
    seen.add(fingerprint);
    return isNew;
  });
  return [...known, ...fresh.slice(0, MAX_FETCHED_CERTIFICATES)];
}

/** Pointers of the end entity and of all that may stand above it, by name. */
function pointersOf({ leaf, intermediates }: PathInput): string[] {
  const reached: Certificate[] = [leaf];
  const left = new Set(intermediates);
  for (const certificate of reached) {
    for (const one of left) {
      if (one.subjectName.key !== certificate.issuerName.key) continue;
      left.delete(one);
      reached.push(one);
    }
  }
  return [...new Set(reached.filter((one) => !isRoot(one)).flatMap(pointersOfOne))];
}

function isRoot(one: Certificate): boolean {
  return one.subjectName.key === one.issuerName.key;
}

function pointersOfOne(certificate: Certificate): string[] {
  const stores = accessUris(certificate, 'authority', 'http-certs');
  return [
    ...accessUris(certificate, 'authority', 'ca-issuers'),
    ...stores.map((url) => storeQuery(url, 'sHash', searchKey(certificate.issuer))),
  ].filter((url) => /^https?:/i.test(url));
}
