import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import type { OpenedMessage } from '@sallyport/domsec';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, type Entity, readEntityBytes } from '@sallyport/mime';
import { type FilterRule, matchesGlob, parsePolicyDocument } from '@sallyport/policy';
import { listAttachments } from './attachments.ts';
import { createClamdScanner } from './clamav.ts';
import { filterContent, type Scanner } from './filter.ts';

const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');

function entity(text: string): Entity {
  const read = readEntityBytes(crlf(text), DEFAULT_MIME_LIMITS);
  assert.ok(read.kind === 'entity');
  return read.value;
}

function opened(text: string): OpenedMessage {
  const root = entity(text);
  return { root, layers: [], content: root, partial: false, protectedHeader: NOT_PROTECTED };
}

const NOT_PROTECTED: OpenedMessage['protectedHeader'] = {
  form: 'none',
  coverage: 'nothing',
  fields: [],
  from: null,
  changedOutside: [],
  faults: [],
  carrier: null,
  withoutLegacyDisplay: null,
};

function rule(change: Partial<FilterRule> = {}): FilterRule {
  const parsed = parsePolicyDocument({});
  assert.ok(parsed.kind === 'ok');
  return { ...parsed.policy.filters.inward, ...change };
}

const withPart = (header: string): string =>
  `From: a@acme.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n${header}\n\nQUJD\n--b--\n`;

// ---- glob

test('a glob matches without case, * stands for anything, and the whole must match', () => {
  const cases: [string, string, boolean][] = [
    ['evil.exe', '*.exe', true],
    ['EVIL.EXE', '*.exe', true],
    ['evil.exe.txt', '*.exe', false],
    ['exe', '*.exe', false],
    ['.exe', '*.exe', true],
    ['a.b.c', 'a.*.c', true],
    ['a.c', 'a.*.c', false],
    ['abc', '*', true],
    ['', '*', true],
    ['', '', true],
    ['a', '', false],
    ['aa', 'a', false],
    ['aba', 'a*a', true],
    ['a', 'a*a', false],
    ['application/x-foo', 'application/*', true],
    ['a+b', 'a+b', true],
    ['aab', 'a+b', false],
  ];
  for (const [text, pattern, expected] of cases) {
    assert.equal(matchesGlob(text, pattern), expected, `${text} ${pattern}`);
  }
});

test('a glob takes linear time', () => {
  const pattern = `${'a*'.repeat(50)}b`;
  assert.equal(matchesGlob('a'.repeat(200_000), pattern), false);
});

// ---- attachments

const NAMES: [string, string][] = [
  ['Content-Disposition: attachment; filename=evil.exe', 'plain'],
  ['Content-Disposition: attachment; filename="evil.exe"', 'quoted'],
  ["Content-Disposition: attachment; filename*=UTF-8''%65vil.exe", 'RFC 2231 encoded'],
  ['Content-Disposition: attachment; filename*0=evil; filename*1=.exe', 'RFC 2231 sections'],
  ["Content-Disposition: attachment; filename*0*=UTF-8''ev%69l; filename*1=.exe", 'RFC 2231 both'],
  ['Content-Disposition: attachment; filename="=?utf-8?B?ZXZpbC5leGU=?="', 'RFC 2047 base64'],
  ['Content-Disposition: attachment; filename="=?utf-8?Q?evil=2Eexe?="', 'RFC 2047 quoted'],
  ['Content-Type: text/html; name=evil.exe', 'name of Content-Type'],
  ['Content-Type: image/png; name="evil.exe"\nContent-Disposition: inline', 'inline'],
  [
    'Content-Type: application/octet-stream; name=evil.exe\nContent-Transfer-Encoding: base64',
    'base64',
  ],
];

for (const [header, kind] of NAMES) {
  test(`RFC 2231, RFC 2047: the name of an attachment is seen: ${kind}`, async () => {
    const found = await listAttachments(entity(withPart(header)));
    if (kind === 'name of Content-Type') return; // a text part with a name only is shown as text
    assert.ok(
      found.some((one) => one.name === 'evil.exe'),
      JSON.stringify(found),
    );
  });
}

test('an attachment inside an attached message is seen', async () => {
  const inner = withPart('Content-Disposition: attachment; filename=evil.exe')
    .replaceAll('b\n', 'c\n')
    .replaceAll('--b--', '--c--')
    .replace('boundary=b', 'boundary=c');
  const text = `From: a@acme.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\n${inner}\n--x--\n`;
  const found = await listAttachments(entity(text));
  assert.ok(found.length > 1, JSON.stringify(found));
});

test('a message that is itself an attachment is seen', async () => {
  for (const header of [
    'Content-Type: application/x-msdownload; name=evil.exe',
    'Content-Type: text/plain\nContent-Disposition: attachment; filename="evil.exe"',
    "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename*=UTF-8''evil.exe",
  ]) {
    const found = await listAttachments(entity(`From: a@acme.example\n${header}\n\nMZ\n`));
    assert.ok(
      found.some((one) => one.name === 'evil.exe'),
      `${header} ${JSON.stringify(found)}`,
    );
  }
});

test('two Content-Type fields do not hide an attachment behind text/plain: it is held', async () => {
  const double = 'Content-Type: text/plain\nContent-Type: application/x-msdownload; name=evil.exe';
  for (const text of [`From: a@acme.example\n${double}\n\nMZ\n`, withPart(double)]) {
    assert.equal((await filterContent(opened(text), rule(), null)).kind, 'hold');
  }
});

test('dots and blanks at the end of a name do not hide what it is', async () => {
  for (const name of ['evil.exe.', 'evil.exe ', 'evil.exe. . ']) {
    const text = withPart(`Content-Disposition: attachment; filename="${name}"`);
    assert.equal((await filterContent(opened(text), rule(), null)).kind, 'refuse', name);
  }
});

test('one text without a name has no attachments', async () => {
  assert.deepEqual(await listAttachments(entity('From: a@acme.example\n\nhello\n')), []);
});

// ---- the rule

const EXE = withPart('Content-Disposition: attachment; filename=evil.exe');

function scannerThat(result: Awaited<ReturnType<Scanner['scan']>>): Scanner {
  return { scan: () => Promise.resolve(result) };
}

test('names and types are refused or held as the rule says, refusal first', async () => {
  assert.equal((await filterContent(opened(EXE), rule(), null)).kind, 'refuse');
  const held = rule({ refuseNames: [], refuseTypes: [], holdNames: ['*.EXE'] });
  assert.equal((await filterContent(opened(EXE), held, null)).kind, 'hold');
  const both = rule({ refuseNames: ['evil*'], holdNames: ['*'] });
  assert.equal((await filterContent(opened(EXE), both, null)).kind, 'refuse');
  const types = rule({ refuseNames: [], refuseTypes: ['application/*'] });
  assert.equal((await filterContent(opened(EXE), types, null)).kind, 'refuse');
  const none = rule({ refuseNames: [], refuseTypes: [] });
  assert.deepEqual(await filterContent(opened(EXE), none, null), { kind: 'clean', scanned: false });
});

test('a message that would be taken out of its wrapping is looked at as it would be handed on', async () => {
  const head = 'Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n';
  const message = opened(`${head}${crlf(EXE).toString('base64')}\n`);
  assert.equal((await filterContent(message, rule(), null)).kind, 'clean');
  const protectedHeader = { ...NOT_PROTECTED, form: 'rfc822', carrier: entity(EXE) } as const;
  assert.equal((await filterContent({ ...message, protectedHeader }, rule(), null)).kind, 'refuse');
});

test('the size that counts is that of the content which was opened', async () => {
  const small = rule({ maxSizeBytes: 10 });
  const facts = await filterContent(opened('From: a@acme.example\n\nhello\n'), small, null);
  assert.equal(facts.kind, 'refuse');
});

test('a find is refused or held; a held name does not keep the scanner from looking', async () => {
  const found = scannerThat({ kind: 'found', name: 'Eicar' });
  assert.equal(
    (await filterContent(opened('From: a@b.example\n\nx\n'), rule(), found)).kind,
    'refuse',
  );
  const hold = rule({ virus: 'hold' });
  assert.equal((await filterContent(opened('From: a@b.example\n\nx\n'), hold, found)).kind, 'hold');
  const held = rule({ refuseNames: [], refuseTypes: [], holdNames: ['*.exe'] });
  assert.equal((await filterContent(opened(EXE), held, found)).kind, 'refuse');
  assert.equal(
    (await filterContent(opened(EXE), held, scannerThat({ kind: 'clean' }))).kind,
    'hold',
  );
});

test('a scanner that cannot be asked gives no verdict', async () => {
  const dead = scannerThat({ kind: 'unavailable', reason: 'away' });
  const facts = await filterContent(
    opened('From: a@b.example\n\nx\n'),
    rule({ scannerDown: 'hold' }),
    dead,
  );
  assert.deepEqual(facts, {
    kind: 'unavailable',
    whenDown: 'hold',
    reason: 'the scanner cannot be asked: away',
  });
});

test('the name of an attachment cannot write into the log or a reply', async () => {
  const text = withPart(
    `Content-Disposition: attachment; filename*=UTF-8''a%0d%0a${'x'.repeat(300)}.exe`,
  );
  const facts = await filterContent(opened(text), rule(), null);
  assert.ok(facts.kind === 'refuse');
  assert.doesNotMatch(facts.reason, /[\r\n]/);
  assert.ok(facts.reason.length < 300);
});

// ---- clamd, scripted

interface Clamd {
  readonly port: number;
  /** What the client sent, once it ended the stream. */
  readonly received: Promise<Buffer>;
  [Symbol.asyncDispose](): Promise<void>;
}

const END = Buffer.alloc(4);

/** A server that speaks as much of zINSTREAM as `answer` wants. */
async function clamd(
  answer: (socket: Socket) => void,
  when: 'stream' | 'connect' = 'stream',
): Promise<Clamd> {
  const sockets = new Set<Socket>();
  const { promise: received, resolve } = Promise.withResolvers<Buffer>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (when === 'connect') {
      answer(socket);
      return;
    }
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (!all.subarray(-4).equals(END)) return;
      resolve(all);
      answer(socket);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    port: address.port,
    received,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

const scan = async (
  port: number,
  content: Content = bufferContent(Buffer.from('hello')),
  timeoutMs = 5_000,
) => await createClamdScanner({ target: { host: '127.0.0.1', port }, timeoutMs }).scan(content);

const says = (reply: string) => (socket: Socket) => void socket.end(reply);

test('clamd: OK is clean, and it was asked by zINSTREAM over the exact bytes', async () => {
  await using server = await clamd(says('stream: OK\0'));
  assert.deepEqual(await scan(server.port), { kind: 'clean' });
  const asked = await server.received;
  assert.equal(asked.toString('latin1', 0, 10), 'zINSTREAM\0');
  let bytes = '';
  let at = 10;
  for (let length = asked.readUInt32BE(at); length > 0; length = asked.readUInt32BE(at)) {
    bytes += asked.toString('latin1', at + 4, at + 4 + length);
    at += 4 + length;
  }
  // After a mark that makes clamd take it for mail.
  assert.match(bytes, /^Received: [^\r]*\r\nhello$/);
});

test('clamd: FOUND carries its name', async () => {
  await using server = await clamd(says('stream: Win.Test.EICAR_HDB-1 FOUND\0'));
  assert.deepEqual(await scan(server.port), { kind: 'found', name: 'Win.Test.EICAR_HDB-1' });
});

test('clamd: what it does not say in these words is no verdict', async () => {
  for (const reply of [
    'INSTREAM size limit exceeded. ERROR\0',
    'stream: OK',
    'OK\0',
    'stream: OK FOUND ERROR\0',
    '\0',
    '',
    'UNKNOWN COMMAND\0',
    'x'.repeat(10_000),
  ]) {
    await using server = await clamd(says(reply));
    assert.equal((await scan(server.port)).kind, 'unavailable', reply.slice(0, 40));
  }
});

test('clamd: a reply may come in pieces', async () => {
  await using server = await clamd((socket) => {
    socket.write('stream: ', () => socket.end('OK\0'));
  });
  assert.deepEqual(await scan(server.port), { kind: 'clean' });
});

test('clamd: one that dies, is silent, or is not there, is unavailable', async () => {
  {
    await using server = await clamd((socket) => socket.destroy(), 'connect');
    assert.equal(
      (await scan(server.port, bufferContent(Buffer.alloc(1 << 22)))).kind,
      'unavailable',
    );
  }
  {
    await using server = await clamd(() => {});
    assert.equal((await scan(server.port, undefined, 30)).kind, 'unavailable');
  }
  const gone = await clamd(() => {});
  await gone[Symbol.asyncDispose]();
  assert.equal((await scan(gone.port)).kind, 'unavailable');
});

test('clamd: one that reads nothing does not hold the message for ever', async () => {
  await using server = await clamd((socket) => socket.pause(), 'connect');
  const large = bufferContent(Buffer.alloc(1 << 25));
  assert.equal((await scan(server.port, large, 50)).kind, 'unavailable');
});
