import assert from 'node:assert/strict';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { type Content, formatMailbox, parseMailbox, readContent } from '@sallyport/mail';
import {
  authors,
  canonicalise,
  checkCanonical,
  contentType,
  decodeBody,
  type Entity,
  fieldValues,
  isSevenBitSafe,
  parseAddressList,
  parseContentType,
  readEntity,
  readEntityBytes,
  readTree,
  replaceHeader,
  splitMultipart,
  toSevenBit,
  transferEncoding,
  utf8Text,
} from '@sallyport/mime';
import { corpusMessages, type Seed, vectorSeeds } from '../corpus.ts';
import { mutateMessage } from '../mutate-message.ts';
import { mutateText } from '../mutate-text.ts';
import { chunkedContent, type Target } from '../target.ts';

const EMPTY_LINE = Buffer.from('\r\n');

async function checkParts(entity: Entity): Promise<string> {
  const split = await splitMultipart(entity, MESSAGE_LIMITS.mime);
  if (split.kind === 'malformed') return split.fault;
  const body = await readContent(entity.body);
  for (const part of split.parts) {
    const { sizeBytes } = part.content;
    const there = body.subarray(part.offset, part.offset + sizeBytes);
    assert.ok(there.equals(await readContent(part.content)), 'a part is not where it says');
    transferEncoding(part);
    await sized(await decodeBody(part));
  }
  return 'parts';
}

function leafWord(type: string): string {
  return ['text', 'application', 'message'].includes(type) ? type : 'other';
}

async function sized(content: Content): Promise<Buffer> {
  const first = await readContent(content);
  assert.equal(first.length, content.sizeBytes, 'content is not as long as it says');
  return first;
}

async function checkLineEnds(bytes: Buffer): Promise<void> {
  const content = chunkedContent(bytes, 0);
  const canonical = await sized(await canonicalise(content));
  const again = await sized(await canonicalise(chunkedContent(canonical, 7)));
  assert.ok(again.equals(canonical), 'canonical form is not its own canonical form');
  const check = await checkCanonical(chunkedContent(canonical, 0));
  assert.equal(check.kind, 'crlf', 'canonical form is not canonical');
  await isSevenBitSafe(content);
}

async function checkMime(bytes: Buffer): Promise<string> {
  await checkLineEnds(bytes);
  const read = await readEntity(chunkedContent(bytes, bytes.length % 4_096), MESSAGE_LIMITS.mime);
  const memory = readEntityBytes(bytes, MESSAGE_LIMITS.mime);
  assert.equal(read.kind, memory.kind, 'a stream and the bytes are read differently');
  readEntityBytes(bytes, MESSAGE_LIMITS.mime, { lineEnds: 'any' });
  if (read.kind === 'malformed') return read.fault;
  const entity = read.value;
  const body = await readContent(entity.body);
  const header = Buffer.concat(entity.header.map((field) => field.raw));
  const rest = bytes.subarray(header.length, bytes.length - body.length);
  assert.ok(rest.length === 0 || rest.equals(EMPTY_LINE), 'bytes between header and body');
  assert.ok(Buffer.concat([header, rest, body]).equals(bytes), 'the entity is not its bytes');
  const untouched = await readContent(replaceHeader(entity, {}));
  assert.ok(untouched.equals(bytes) || rest.length === 0, 'an edit of nothing changes bytes');
  authors(entity.header);
  const type = contentType(entity);
  transferEncoding(entity);
  await sized(await decodeBody(entity));
  const safe = await toSevenBit(entity.content, MESSAGE_LIMITS.mime);
  if (safe !== null) {
    assert.ok(
      (await sized(safe)).every((octet) => octet < 0x80),
      'eight bits are left',
    );
  }
  const tree = await readTree(entity, MESSAGE_LIMITS.mime);
  const word = type.type === 'multipart' ? await checkParts(entity) : leafWord(type.type);
  return tree.kind === 'malformed' ? `tree ${tree.fault}` : word;
}

function checkAddresses(bytes: Buffer): string {
  const text = bytes.toString('latin1').replace(/[\r\n]+/g, '');
  utf8Text(text);
  const list = parseAddressList(text);
  if (list === null) return 'malformed';
  for (const mailbox of list) {
    const written = formatMailbox(mailbox);
    assert.deepEqual(parseMailbox(written), mailbox, 'a mailbox does not round-trip');
    const value = Buffer.from(written, 'utf8').toString('latin1');
    assert.deepEqual(parseAddressList(value), [mailbox], 'a mailbox is no address list');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(written, /[\u0000-\u0008\u000a-\u001f\u007f]/);
  }
  return list.length === 0 ? 'empty' : 'mailboxes';
}

function checkContentType(bytes: Buffer): string {
  const value = bytes.toString('latin1').replace(/[\r\n]+/g, '');
  const parsed = parseContentType(value);
  if (parsed === null) return 'malformed';
  assert.match(`${parsed.type}/${parsed.subtype}`, /^[^\sA-Z]+\/[^\sA-Z]+$/);
  return parsed.malformed ? 'malformed parameters' : 'type';
}

const ADDRESSES = [
  'Alice <alice@acme.example>, "Bob \\"B\\" (x)" <bob@bravo.example>',
  'team: a@b.example, "c d"@e.example; , (comment (nested) \\)) f@g.example',
  'undisclosed-recipients:;',
  '=?utf-8?q?Al=C3=ADce?= <alice@acme.example>',
  'caf\xc3\xa9 <jos\xc3\xa9@b\xc3\xbccher.example>',
  '"alice@acme.example" <mallory@evil.example>',
  '<@hop.example:alice@acme.example>',
  'alice@[192.0.2.1]',
  'A.B. Smith <"a.b"@acme.example>',
];
const TYPES = [
  'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="=_b"',
  "application/octet-stream; name*0*=utf-8''a%20; name*1=b; name*2*=%c3%a9; x=y",
  'text/plain; charset="us-\\"ascii"; format=flowed (a comment; x=1); hp="cipher"',
  'application/pkcs7-mime; smime-type=signed-data; name=smime.p7m',
];

function texts(name: string, lines: readonly string[]): Seed[] {
  return lines.map((line, index) => ({
    name: `${name} ${index}`,
    bytes: Buffer.from(line, 'latin1'),
  }));
}

/** Entities, multiparts, transfer encodings, address lists and parameters. */
export function mimeTargets(): Target[] {
  const messages = corpusMessages();
  const vectors = [...vectorSeeds('mime'), ...vectorSeeds('bounces')]
    .filter(({ name, bytes }) => /eml|txt|msg/.test(name) && bytes.length < 8_192)
    .slice(0, 120);
  const addressSeeds = [
    ...texts('addresses', ADDRESSES),
    ...messages.flatMap(({ name, bytes }) => {
      const read = readEntityBytes(bytes, MESSAGE_LIMITS.mime);
      const values = read.kind === 'entity' ? fieldValues(read.value, 'from') : [];
      return texts(name, values);
    }),
  ];
  return [
    { name: 'mime', share: 10, seeds: messages, mutate: mutateMessage, check: checkMime },
    ...(vectors.length === 0
      ? []
      : [{ name: 'mime-vectors', share: 4, seeds: vectors, mutate: mutateText, check: checkMime }]),
    { name: 'addresses', share: 8, seeds: addressSeeds, mutate: mutateText, check: checkAddresses },
    {
      name: 'content-type',
      share: 4,
      seeds: texts('types', TYPES),
      mutate: mutateText,
      check: checkContentType,
    },
  ];
}
