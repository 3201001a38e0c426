import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  bindsAuthor,
  claimedOriginators,
  type DeliverForm,
  deliveredMessage,
  formatAuthenticationResults,
  formatVerdict,
  type JudgeOptions,
  judgeLayers,
  type OpenedMessage,
  openLayers,
  type Verdict,
} from '@sallyport/domsec';
import { readContent } from '@sallyport/mail';
import { authors, contentType, type Entity, transferEncoding } from '@sallyport/mime';
import { validatePath } from '@sallyport/pki';
import { corpusIdentities, corpusMessages, ORIGINALS, vectorSeeds } from '../corpus.ts';
import { OPEN_OPTIONS } from '../keys.ts';
import { mutateMessage } from '../mutate-message.ts';
import { chunkedContent, type Target } from '../target.ts';

const AUTHSERV_ID = 'gw.bravo.example';
const NOW = new Date('2026-11-21T00:00:00Z');
/** What may be there of ours: the verdict, and the author that nothing vouches for. */
const OUR_FIELDS = ['x-sallyport-verdict', 'x-sallyport-protected-from x-sallyport-verdict'];
const FORMS: readonly DeliverForm[] = ['clear', 'signed', 'as-received'];

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const identities = corpusIdentities();
const anchors = identities.filter(({ name }) => name === 'root').map((one) => one.certificate);

const judged = new Map<string, ReturnType<JudgeOptions['validate']>>();

/** Trusts what has a path to the corpus's root; certificates of the corpus are asked once. */
const validate: JudgeOptions['validate'] = (leaf, others) => {
  const isOurs = ORIGINALS.signed[leaf.fingerprint] !== undefined;
  const kept = isOurs ? judged.get(leaf.fingerprint) : undefined;
  if (kept !== undefined) return kept;
  const result = validatePath({
    leaf,
    intermediates: others,
    anchors,
    time: NOW,
    purpose: 'email-sign',
  });
  const answer =
    result.kind === 'valid'
      ? ({ kind: 'valid' } as const)
      : ({ kind: 'invalid', reason: result.reason } as const);
  if (isOurs) judged.set(leaf.fingerprint, answer);
  return answer;
};

// As the worker does: an outer header that two readers read differently ends it before any verdict.
function judge(message: OpenedMessage): Verdict | null {
  const claimed = claimedOriginators(message);
  if (claimed.outer.malformed) return null;
  return judgeLayers(message, {
    originators: claimed.malformed ? [] : claimed.mailboxes,
    validate,
    naming: { time: NOW, exceptions: [] },
  });
}

/** What a reader at the end would see of an entity, whatever fields stand around it. */
async function contentKey(entity: Entity): Promise<string> {
  const type = contentType(entity);
  const parameters = JSON.stringify([...type.parameters].sort());
  const words = [type.type, type.subtype, parameters, transferEncoding(entity)].join(' ');
  return `${words} ${sha256(await readContent(entity.body))}`;
}

function isAccepted(verdict: Verdict): boolean {
  return (
    verdict.signature === 'valid' && verdict.scope === 'whole' && verdict.mapping !== 'mismatch'
  );
}

// A mail program shows every part of it; the signature is over the first alone.
async function checkTwoParts(outside: Entity): Promise<void> {
  const type = contentType(outside);
  const boundary = `--${type.parameters.get('boundary')}`;
  const lines = (await readContent(outside.body)).toString('latin1').split('\r\n');
  const delimiters = lines.map((line) => line.replace(/[ \t]+$/, ''));
  const end = delimiters.indexOf(`${boundary}--`);
  const whole = end === -1 ? delimiters : delimiters.slice(0, end);
  const parts = whole.filter((line) => line === boundary).length;
  assert.equal(parts, 2, 'a clear signature with other parts beside it');
}

/** What no message may do, however it was made: pass for signed, or for authentic, without being so. */
async function checkLayers(message: OpenedMessage): Promise<void> {
  for (const layer of message.layers) {
    if (layer.kind === 'signed') {
      const digest = sha256(await readContent(layer.inside.content));
      for (const { check, certificate } of layer.signers) {
        const originals = ORIGINALS.signed[certificate?.fingerprint ?? ''];
        if (check.kind !== 'valid' || originals === undefined) continue;
        assert.ok(originals.includes(digest), 'a signature counts for content it was not made for');
      }
    }
    if (layer.kind === 'signed' && layer.form === 'clear') await checkTwoParts(layer.outside);
    if (layer.kind === 'encrypted' && layer.authenticated && layer.inside !== null) {
      const plain = await readContent(layer.inside.content);
      assert.ok(ORIGINALS.encrypted.includes(sha256(plain)), 'authenticated content was altered');
    }
  }
}

function checkAuthors(entity: Entity): void {
  const { from, malformed } = authors(entity.header);
  assert.ok(!malformed && from.length > 0, 'accepted, and who wrote it cannot be read');
  for (const { domain } of from) assert.match(domain, /(^|\.)acme\.example$/);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f-\uffff]/;

function addedFields(verdict: Verdict): { name: string; value: string }[] {
  const fields = [
    { name: 'X-Sallyport-Verdict', value: formatVerdict(verdict, false) },
    {
      name: 'Authentication-Results',
      value: formatAuthenticationResults(verdict, AUTHSERV_ID),
    },
  ];
  for (const { value } of fields) assert.doesNotMatch(value, CONTROLS);
  return fields;
}

/** Opens what is delivered as the next reader would, and compares. */
async function checkDelivered(
  message: OpenedMessage,
  verdict: Verdict,
  { accepted, forms }: { accepted: ReadonlySet<string> | null; forms: readonly DeliverForm[] },
): Promise<void> {
  const added = addedFields(verdict);
  for (const deliver of forms) {
    const options = {
      deliver,
      authservId: AUTHSERV_ID,
      added,
      isFromBound: bindsAuthor(verdict),
    };
    const bytes = await readContent(deliveredMessage(message, options));
    const again = await openLayers(chunkedContent(bytes, 0), OPEN_OPTIONS);
    assert.equal(again.kind, 'opened', 'what is delivered cannot be read');
    if (again.kind !== 'opened') return;
    const names = again.message.root.header.map(({ name }) => name.toLowerCase());
    const ours = names.filter((name) => name.startsWith('x-sallyport-')).sort();
    const isOurs = OUR_FIELDS.includes(ours.join(' '));
    assert.ok(isOurs, `a foreign verdict is delivered: ${ours.join(' ')}`);
    if (!isAccepted(verdict) || accepted === null) continue;
    checkAuthors(again.message.root);
    const key = await contentKey(again.message.content);
    assert.ok(accepted.has(key), `accepted, and other content is delivered (${deliver})`);
  }
}

/** The rules for one message; `accepted` are the contents that may be accepted, null for any. */
export function makeCheck(
  accepted: ReadonlySet<string> | null,
  forms: readonly DeliverForm[] = FORMS,
): Target['check'] {
  return async (bytes) => {
    const chunk = bytes.length % 2 === 0 ? 0 : 1 + (bytes.length % 2_000);
    const read = await openLayers(chunkedContent(bytes, chunk), OPEN_OPTIONS);
    if (read.kind === 'malformed') return read.fault;
    const { message } = read;
    await checkLayers(message);
    const verdict = judge(message);
    if (verdict === null) return 'malformed authors';
    assert.notEqual(verdict.reason, '');
    if (isAccepted(verdict)) checkAuthors(message.root);
    if (isAccepted(verdict) && accepted !== null) {
      const key = await contentKey(message.content);
      assert.ok(accepted.has(key), 'accepted, and the content is none that was signed');
    }
    const cbc = message.layers.findIndex(
      (layer) => layer.kind === 'encrypted' && !layer.authenticated && layer.state === 'opened',
    );
    const proof = message.layers
      .slice(cbc + 1)
      .some((layer) => layer.kind === 'signed' && !layer.empty);
    assert.ok(cbc === -1 || proof || !verdict.integrity, 'unsigned CBC counts as whole');
    await checkDelivered(message, verdict, { accepted, forms });
    return isAccepted(verdict) ? 'accepted' : verdict.signature;
  };
}

/** The contents of the seeds that are accepted as they are. */
export async function acceptedContents(seeds: Target['seeds']): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const { bytes } of seeds) {
    const read = await openLayers(chunkedContent(bytes, 0), OPEN_OPTIONS);
    const verdict = read.kind === 'opened' ? judge(read.message) : null;
    if (read.kind !== 'opened' || verdict === null || !isAccepted(verdict)) continue;
    keys.add(await contentKey(read.message.content));
  }
  return keys;
}

/** Whole messages: opened, judged, delivered, and read again as delivered. */
export async function messageTargets(): Promise<Target[]> {
  const seeds = corpusMessages();
  const accepted = await acceptedContents(seeds);
  assert.ok(accepted.size > 1, 'hardly a seed is accepted as it is');
  const vectors = vectorSeeds('smime').filter(({ name }) =>
    /\.(eml|mbox|msg)$|kde|thunderbird/.test(name),
  );
  const mutate = mutateMessage;
  return [
    { name: 'message', share: 24, seeds, mutate, check: makeCheck(accepted) },
    ...(vectors.length === 0
      ? []
      : [{ name: 'message-vectors', share: 4, seeds: vectors, mutate, check: makeCheck(null) }]),
  ];
}
