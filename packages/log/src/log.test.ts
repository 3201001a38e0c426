import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createLogger, type Fields, Secret } from './index.ts';

const parse = (line: string): Record<string, unknown> =>
  JSON.parse(line) as Record<string, unknown>;

function lineOf(fields: Fields, event = 'thing.happened'): Record<string, unknown> {
  const lines: string[] = [];
  const now = () => new Date('2026-01-02T03:04:05.678Z');
  createLogger({ service: 'test', now, write: (line) => lines.push(line) }).info(event, fields);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^[^\n]*\n$/, 'one line, one line feed');
  return parse(lines[0] ?? '');
}

test('a line is one JSON object with time, level, service and event', () => {
  assert.deepEqual(lineOf({ queueId: 'x' }), {
    time: '2026-01-02T03:04:05.678Z',
    level: 'info',
    service: 'test',
    event: 'thing.happened',
    queueId: 'x',
  });
});

test('line feeds in what strangers sent do not make lines', () => {
  assert.equal(
    lineOf({ helo: 'a\r\n{"level":"error"}\u2028' })['helo'],
    'a\r\n{"level":"error"}\u2028',
  );
  lineOf({}, 'a\nb');
});

test('keys that name a secret are redacted at every depth', () => {
  const secrets = {
    password: 'a',
    userPassword: 'b',
    passphrase: 'c',
    secret: 'd',
    privateKey: 'e',
    token: 'f',
    credentials: 'g',
    cek: 'h',
    keyBytes: 'i',
    pass: 'j',
    passwords: 'a',
    passwordHash: 'b',
    authorization: 'c',
    cookie: 'd',
    pin: 'e',
    apiKey: 'f',
  };
  const shown = JSON.stringify(lineOf({ ...secrets, inner: { list: [{ ...secrets }] } }));
  for (const key of Object.keys(secrets)) assert.ok(shown.includes(`"${key}":"[secret]"`), key);
  assert.doesNotMatch(shown, /:"[a-j]"/);
  const told = { passed: 'yes', keyId: 'k1', passwordFile: '/p', pinned: ['a'], pinFile: '/q' };
  for (const [key, value] of Object.entries(told)) assert.deepEqual(lineOf(told)[key], value, key);
});

test('who wrote, to whom and about what is redacted by name; how many they are is not', () => {
  const personal = {
    subject: 'Befund',
    reversePath: 'alice@acme.example',
    forwardPath: 'bob@bravo.example',
    forwardPaths: ['bob@bravo.example'],
    recipients: ['bob@bravo.example'],
    mailbox: { localPart: 'bob', domain: 'bravo.example' },
    login: 'alice',
    author: 'Alice',
    personal: { by: 'alice' },
  };
  const shown = JSON.stringify(lineOf({ ...personal, inner: [personal] }));
  assert.doesNotMatch(shown, /alice|bob|Befund/i);
  for (const key of Object.keys(personal)) assert.ok(shown.includes(`"${key}":"[personal]"`), key);
  assert.equal(lineOf({ recipients: 3 })['recipients'], 3);
});

test('an address in a text loses its local-part, wherever it stands, and keeps its domain', () => {
  const cause = new Error('550 5.1.1 <bob.b+x@bravo.example>: unknown', {
    cause: new Error('SMTP RCPT TO:<"a b@c"@bravo.example>'),
  });
  const line = lineOf({
    reply: '550 5.1.1 <bob@bravo.example>... User unknown (mailto:carol@bravo.example)',
    list: ['ümläut@bücher.example', 'dave@[192.0.2.1]'],
    url: new URL('redis://someone:hunter2@queue.acme.example:6379'),
    cause,
  });
  const shown = JSON.stringify(line);
  assert.doesNotMatch(shown, /bob|carol|ümläut|dave|a b|hunter2/);
  assert.match(shown, /<\[local-part\]@bravo\.example>\.\.\. User unknown/);
  assert.match(shown, /\[local-part\]@bücher\.example/);
});

test('a local-part that is encoded, over-long or cut off is none the less one', () => {
  const shown = (text: string): string => String(lineOf({ text })['text']);
  assert.equal(
    shown('GET /x?email=alice%40acme.example'),
    'GET /x?email=[local-part]%40acme.example',
  );
  assert.equal(shown(`<${'alice.'.repeat(40)}x@acme.example>`), '<[local-part]@acme.example>');
  // The cut falls into the address.
  for (let before = 1_985; before <= 2_001; before += 1) {
    assert.doesNotMatch(shown(`${'-'.repeat(before)} alice@acme.example`), /ali/, `${before}`);
  }
  assert.doesNotMatch(shown(`${'- '.repeat(995)}"alice b"@acme.example`), /ali/);
});

test('a URL keeps neither who logs in nor what is asked of it', () => {
  const shown = (text: string): string => String(lineOf({ text })['text']);
  assert.equal(shown('redis://:p,a;s(s@db.example:6379/0'), 'redis://[login]@db.example:6379/0');
  assert.equal(
    shown('GET https://hooks.example/a/b?token=hunter2&x=1 failed'),
    'GET https://hooks.example/a/b?[query] failed',
  );
  const bearer = shown('header Authorization: Bearer abc.def-ghi_j');
  assert.doesNotMatch(bearer, /abc|ghi/);
});

test('what only looks like an address is left as it is', () => {
  const path = 'at /opt/node_modules/@sallyport/ipc/src/client.ts:4';
  assert.equal(lineOf({ path })['path'], path);
  assert.equal(lineOf({ text: 'a @ b' })['text'], 'a @ b');
  assert.equal(lineOf({ text: 'why? because' })['text'], 'why? because');
});

test('bytes are never printed, long text is cut, depth and lists are bounded', () => {
  const deep = { a: { b: { c: { d: { e: { f: 'too deep' } } } } } };
  const line = lineOf({
    bytes: Buffer.from('hunter2'),
    long: 'x'.repeat(5_000),
    deep,
    list: Array(500).fill(1),
    big: 5n,
  });
  assert.equal(line['bytes'], '[7 bytes]');
  assert.equal(String(line['long']).length, 2_000);
  assert.doesNotMatch(JSON.stringify(line['deep']), /too deep/);
  assert.equal((line['list'] as unknown[]).length, 100);
  assert.equal(line['big'], '5');
});

test('an object that contains itself does not stop the line', () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  assert.ok(lineOf({ loop }));
});

test('an error is printed with its stack and its causes', () => {
  const cause = new Error('outer', { cause: new Error('inner') });
  const shown = lineOf({ cause })['cause'] as {
    message: string;
    stack: string;
    cause: { message: string };
  };
  assert.equal(shown.message, 'outer');
  assert.match(shown.stack, /log\.test\.ts/);
  assert.equal(shown.cause.message, 'inner');
});

test('fields of a derived logger are in all its lines, and the line may override them', () => {
  const lines: string[] = [];
  const logger = createLogger({
    service: 's',
    now: () => new Date(0),
    write: (line) => lines.push(line),
  });
  const inner = logger.with({ queueId: 'q', password: 'p' });
  inner.warn('a');
  inner.error('b', { queueId: 'r' });
  const [a, b] = lines.map(parse);
  assert.deepEqual([a?.['queueId'], a?.['level'], a?.['password']], ['q', 'warn', '[secret]']);
  assert.deepEqual([b?.['queueId'], b?.['level']], ['r', 'error']);
});

test('a secret shows itself only where it is asked to', () => {
  const secret = new Secret(Buffer.from('hunter2'));
  for (const shown of [
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }, { depth: 9, showHidden: true }),
    `${secret}`,
  ]) {
    assert.doesNotMatch(shown, /hunter2|68, 75|0x68/);
    assert.match(shown, /\[secret\]/);
  }
  assert.doesNotMatch(JSON.stringify(lineOf({ key: secret })), /hunter2/);
  assert.equal(Buffer.from(secret.reveal()).toString(), 'hunter2');
  assert.deepEqual(Object.keys(secret), []);
});
