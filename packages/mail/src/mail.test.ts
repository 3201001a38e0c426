import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AUTHORITY_LOCAL_PARTS,
  bufferContent,
  type Content,
  childQueueId,
  concatContent,
  formatDomain,
  formatMailbox,
  formatReversePath,
  isNullPath,
  isReservedLocalPart,
  isSameOrSubdomain,
  type Mailbox,
  NULL_PATH,
  newQueueId,
  parseDomain,
  parseMailbox,
  parseQueueId,
  parseReversePath,
  readContent,
  sameMailbox,
} from './index.ts';

function domain(text: string) {
  const value = parseDomain(text);
  assert.ok(value !== null, text);
  return value;
}

function mailbox(text: string): Mailbox {
  const value = parseMailbox(text);
  assert.ok(value !== null, text);
  return value;
}

test('RFC 5321 2.3.5: what is no domain name is null', () => {
  const wrong = [
    '',
    '.',
    'a..b',
    '.a',
    'a b',
    '[192.0.2.1]',
    '192.0.2.1',
    'a.1',
    '-a.b',
    'a-.b',
    'a/b',
    'a@b',
    'a%2eb',
    `${'a'.repeat(64)}.b`,
    'a\u0000b',
    'a\r\nb',
    '0x7f.1',
    '１.２.３.４',
    `${'a.'.repeat(200)}b`,
  ];
  for (const text of wrong) assert.equal(parseDomain(text), null, JSON.stringify(text));
});

test('RFC 5890: case, one trailing dot and U-labels are settled once', () => {
  assert.equal(parseDomain('ACME.Example.'), 'acme.example');
  assert.equal(parseDomain('Bücher.example'), 'xn--bcher-kva.example');
  assert.equal(parseDomain('bücher。example'), 'xn--bcher-kva.example');
  assert.equal(formatDomain(domain('xn--bcher-kva.example')), 'bücher.example');
  assert.equal(parseDomain('_smimecert.acme.example'), '_smimecert.acme.example');
});

test('a parsed domain parses to itself, whatever the text was', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.domain()), (text) => {
      const parsed = parseDomain(text);
      if (parsed === null) return;
      assert.equal(parseDomain(parsed), parsed);
      assert.match(parsed, /^[a-z0-9_.-]{1,255}$/);
    }),
  );
});

test('DS-N9: a subdomain is below by whole labels', () => {
  assert.equal(isSameOrSubdomain(domain('notacme.com'), domain('acme.com')), false);
  assert.equal(isSameOrSubdomain(domain('acme.com'), domain('mx.acme.com')), false);
  assert.equal(isSameOrSubdomain(domain('mx.acme.com'), domain('acme.com')), true);
  assert.equal(isSameOrSubdomain(domain('acme.com'), domain('acme.com')), true);
});

test('RFC 5321 4.1.2: what is no Mailbox is null', () => {
  const wrong = [
    '',
    'a',
    '@b.example',
    'a@',
    'a b@c.example',
    '.a@b.example',
    'a.@b.example',
    'a..b@c.example',
    '"a@b.example',
    'a"b@c.example',
    '"a\r\nb"@c.example',
    'a@[192.0.2.1]',
    '<a@b.example>',
    '@x.example:a@b.example',
    `${'a'.repeat(65)}@b.example`,
    'a\n@b.example',
    'a@b.example\n',
  ];
  for (const text of wrong) assert.equal(parseMailbox(text), null, JSON.stringify(text));
});

test('RFC 5321 2.4: the case of the local-part stays; quotes that are not needed go', () => {
  assert.deepEqual(mailbox('John.Doe@ACME.Example'), {
    localPart: 'John.Doe',
    domain: 'acme.example',
  });
  assert.equal(formatMailbox(mailbox('"john"@acme.example')), 'john@acme.example');
  assert.equal(
    formatMailbox(mailbox('"a \\"b\\" @ c"@acme.example')),
    '"a \\"b\\" @ c"@acme.example',
  );
  assert.equal(mailbox('"\\j"@acme.example').localPart, 'j');
  assert.equal(mailbox('grün@bücher.example').domain, 'xn--bcher-kva.example');
});

test('what a mailbox is written as is read as the same mailbox', () => {
  const local = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.emailAddress(),
        local.map((text) => `"${text}"@acme.example`),
        fc.string(),
      ),
      (text) => {
        const parsed = parseMailbox(text);
        if (parsed !== null) assert.deepEqual(parseMailbox(formatMailbox(parsed)), parsed);
      },
    ),
  );
});

test('RFC 8550 3: mailboxes are the same without regard to case, never across domains', () => {
  assert.equal(sameMailbox(mailbox('A@acme.example'), mailbox('a@ACME.example')), true);
  assert.equal(sameMailbox(mailbox('a@acme.example'), mailbox('a@acme.example.com')), false);
  assert.equal(sameMailbox(mailbox('a@acme.example'), mailbox('b@acme.example')), false);
});

test('the Kelvin sign is no k: another mailbox must not pass for this one', () => {
  assert.equal(sameMailbox(mailbox('\u212aate@acme.example'), mailbox('kate@acme.example')), false);
});

test('RFC 5321 4.5.5: the null reverse-path is a value of its own', () => {
  const path = parseReversePath('');
  assert.ok(path !== null && isNullPath(path));
  assert.equal(formatReversePath(NULL_PATH), '');
  assert.equal(parseReversePath('not a path'), null);
  assert.equal(formatReversePath(mailbox('a@acme.example')), 'a@acme.example');
});

test('a queue id is a safe file name, sorts by age and is not guessed', () => {
  for (const text of [
    '',
    '../../../etc/passwd00',
    'A'.repeat(20),
    `${'0'.repeat(19)}l`,
    '0'.repeat(21),
    `${'0'.repeat(20)}\n`,
  ]) {
    assert.equal(parseQueueId(text), null, text);
  }
  const early = newQueueId(new Date(1_000));
  const late = newQueueId(new Date(1_001));
  assert.equal(parseQueueId(early), early);
  assert.ok(early < late);
  assert.notEqual(newQueueId(new Date(1_000)), early);
  fc.assert(
    fc.property(fc.date({ min: new Date(0), noInvalidDate: true }), (time) => {
      const id = newQueueId(time);
      assert.equal(parseQueueId(id), id);
    }),
  );
});

test('work done again lands in the same file: a child id follows from parent and label', () => {
  const parent = newQueueId(new Date(1_000));
  const child = childQueueId(parent, 'hold');
  assert.equal(childQueueId(parent, 'hold'), child);
  assert.notEqual(childQueueId(parent, 'outgoing'), child);
  assert.notEqual(childQueueId(newQueueId(new Date(1_000)), 'hold'), child);
  assert.equal(parseQueueId(child), child);
  assert.equal(child.slice(0, 10), parent.slice(0, 10));
});

test('content opens more than once, and parts follow one another', async () => {
  const content = concatContent([
    bufferContent(Buffer.from('ab')),
    bufferContent(Buffer.from('')),
    bufferContent(Buffer.from('c')),
  ]);
  assert.equal(content.sizeBytes, 3);
  for (let i = 0; i < 2; i += 1) assert.equal((await readContent(content)).toString(), 'abc');
});

/** Content that lies about its length. */
function claiming(bytes: Buffer, sizeBytes: number): Content {
  return { sizeBytes, open: () => bufferContent(bytes).open() };
}

test('content that is not as long as it says, or over the bound, is refused', async () => {
  const short: Content = claiming(Buffer.from('ab'), 3);
  const long: Content = claiming(Buffer.from('abcd'), 3);
  await assert.rejects(readContent(short), RangeError);
  await assert.rejects(readContent(long), RangeError);
  await assert.rejects(readContent(bufferContent(Buffer.alloc(10)), 9), RangeError);
});

test('endless content does not fill memory: reading stops at its size', async () => {
  let given = 0;
  const endless: Content = {
    sizeBytes: 10,
    open: async function* () {
      for (;;) {
        given += 1;
        yield Buffer.alloc(8);
      }
    },
  };
  await assert.rejects(readContent(endless), RangeError);
  assert.ok(given < 5);
});

test('RFC 3183 6 (DS-N11): the local-parts of the authorities are reserved, in any case', () => {
  for (const name of AUTHORITY_LOCAL_PARTS) {
    assert.ok(isReservedLocalPart(name));
    assert.ok(isReservedLocalPart(name.toUpperCase()));
  }
  assert.ok(!isReservedLocalPart('postmaster'));
});
