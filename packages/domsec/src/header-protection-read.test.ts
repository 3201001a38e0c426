import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptySignedData, envelopedData } from '@sallyport/cms';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, encodeBase64 } from '@sallyport/mime';
import { bindsAuthor } from './deliver.ts';
import { outerHeader } from './header-protection.ts';
import type { ProtectedHeader } from './header-protection-read.ts';
import { claimedOriginators } from './originators.ts';
import { assembleMessage, domainSign } from './outward.ts';
import {
  alice,
  bytesOf,
  crlf,
  dsa,
  encrypted,
  entity,
  type Identity,
  judge,
  messageAround,
  opaque,
  open,
  reviewer,
  signedBy,
  signerOf,
  stranger,
  TYPE,
} from './test-fixtures.ts';

const limits = DEFAULT_MIME_LIMITS;

/** What the receiver finds in an outer header, a payload, and layers around it. */
async function read(
  outer: string,
  payload: string | Buffer,
  wrap: (payload: Content) => Promise<Content> = signedBy,
): Promise<ProtectedHeader> {
  const bytes = typeof payload === 'string' ? crlf(payload) : payload;
  const message = await open(await messageAround(await wrap(bufferContent(bytes)), outer));
  return message.protectedHeader;
}

const signedAndEncrypted = async (payload: Content): Promise<Content> =>
  await encrypted(await signedBy(payload), 'aes256-cbc');

const OUTER = `From: Dana <dana@clinic.example>
To: lab@hospital.example
Subject: [...]
Date: Tue, 03 Mar 2026 09:15:00 +0100
Message-ID: <o4711@clinic.example>
`;

// the composed example of the RFC 9788 digest, section 14
const CIPHER = `From: Dana <dana@clinic.example>
To: lab@hospital.example
Subject: Order 4711
Keywords: stat
Date: Tue, 03 Mar 2026 09:15:00 +0100
Message-ID: <o4711@clinic.example>
MIME-Version: 1.0
HP-Outer: From: Dana <dana@clinic.example>
HP-Outer: To: lab@hospital.example
HP-Outer: Subject: [...]
HP-Outer: Date: Tue, 03 Mar 2026 09:15:00 +0100
HP-Outer: Message-ID: <o4711@clinic.example>
Content-Type: text/plain; charset=utf-8; hp-legacy-display="1"; hp="cipher"

Subject: Order 4711
Keywords: stat

Please run the usual panel.
`;
const CLEAR = CIPHER.replace(/HP-Outer.*\n/g, '').replace('hp="cipher"', 'hp="clear"');
const CLEAR_OUTER = OUTER.replace('[...]', 'Order 4711\nKeywords: stat');

function secret({ fields }: ProtectedHeader): string[] {
  return fields.filter((field) => field.secrecy === 'confidential').map((field) => field.name);
}

function names({ fields }: ProtectedHeader): string[] {
  return fields.map((field) => field.name);
}

const INSIDE = ['From', 'To', 'Subject', 'Keywords', 'Date', 'Message-ID'];

test('RFC 9788 4.3.1: of an encrypted message what HP-Outer does not list is confidential', async () => {
  const header = await read(OUTER, CIPHER, signedAndEncrypted);
  assert.equal(header.form, 'hp-cipher');
  assert.equal(header.coverage, 'signature');
  assert.deepEqual(names(header), INSIDE);
  assert.deepEqual(secret(header), ['Subject', 'Keywords']);
  assert.deepEqual([header.changedOutside, header.faults], [[], []]);
  assert.equal(header.from?.matchesOuter, true);
});

test('RFC 9788 4.3.1: of a signed message nothing is confidential', async () => {
  const header = await read(CLEAR_OUTER, CLEAR);
  assert.equal(header.form, 'hp-clear');
  assert.deepEqual(names(header), INSIDE);
  assert.deepEqual([secret(header), header.changedOutside, header.faults], [[], [], []]);
});

test('what this gateway composes reads back as it was meant', async () => {
  const message = entity(crlf(`${CLEAR_OUTER}Content-Type: text/plain\n\nPlease.\n`));
  for (const profile of ['domsec', 'compat'] as const) {
    for (const headerConfidentiality of ['baseline', 'shy', 'none', undefined] as const) {
      const headers = { protectHeaders: true, headerConfidentiality };
      const signed = await domainSign(message, signerOf(dsa), { profile, limits, ...headers });
      const whole = headerConfidentiality === undefined ? signed : await encrypted(signed);
      const bytes = await bytesOf(assembleMessage(outerHeader(message, headers), whole));
      const header = (await open(bytes)).protectedHeader;
      assert.equal(header.form, headerConfidentiality === undefined ? 'hp-clear' : 'hp-cipher');
      assert.deepEqual(header.changedOutside, []);
      assert.deepEqual(names(header), INSIDE.with(3, 'Keywords'));
      const hidden = { baseline: 2, shy: 4, none: 0 }[headerConfidentiality ?? 'none'];
      assert.equal(secret(header).length, hidden, headerConfidentiality);
    }
  }
});

test('RFC 9788 6: what is changed outside on the way is seen and changes nothing inside', async () => {
  const changes: [string, string, string[]][] = [
    ['Subject: [...]', 'Subject: You won', ['subject']],
    ['To: lab@hospital.example\n', '', ['to']],
    ['To: lab', 'To: eve@evil.example\nTo: lab', ['to']],
    ['From: Dana <dana@', 'From: Dana <eve@', ['from']],
    ['Date:', 'Cc: eve@evil.example\nDate:', []],
  ];
  for (const [from, to, changed] of changes) {
    const header = await read(OUTER.replace(from, to), CIPHER, signedAndEncrypted);
    assert.deepEqual(header.changedOutside, changed, to);
    assert.deepEqual(secret(header), ['Subject', 'Keywords']);
    assert.equal(header.from?.matchesOuter, changed[0] !== 'from');
  }
});

test('RFC 9788 10.2: encryption that somebody put around a signed message makes nothing confidential', async () => {
  const header = await read(OUTER, CLEAR, signedAndEncrypted);
  assert.equal(header.form, 'hp-clear');
  assert.deepEqual(secret(header), []);
});

test('RFC 9788 2.1.1: hp="cipher" without encryption makes nothing confidential', async () => {
  const header = await read(OUTER, CIPHER);
  assert.equal(header.form, 'hp-cipher');
  assert.deepEqual(secret(header), []);
  assert.match(header.faults.join(), /nothing is encrypted/);
  assert.equal(header.withoutLegacyDisplay, null);
});

test('HP-Outer that lies: what stands outside all the same is exposed, not confidential', async () => {
  const header = await read(OUTER.replace('[...]', 'Order 4711'), CIPHER, signedAndEncrypted);
  const subject = header.fields.find((field) => field.name === 'Subject');
  assert.equal(subject?.secrecy, 'exposed');
  assert.deepEqual(header.changedOutside, ['subject']);
});

test('HP-Outer that cannot be read is said, and hides nothing by itself', async () => {
  const payload = CIPHER.replace('HP-Outer: Subject: [...]', 'HP-Outer: nothing to see');
  const header = await read(OUTER, payload, signedAndEncrypted);
  assert.match(header.faults.join(), /HP-Outer/);
  assert.deepEqual(names(header), INSIDE);
});

test('hp that stands twice, or has another value, marks nothing', async () => {
  const values = [
    'hp="clear"; hp="cipher"',
    'hp="cipher"; hp="cipher"',
    'hp*0="cip"; hp*1=her; hp=clear',
  ];
  for (const value of values) {
    const header = await read(OUTER, CIPHER.replace('hp="cipher"', value), signedAndEncrypted);
    assert.equal(header.form, 'unmarked', value);
    assert.deepEqual(secret(header), []);
    assert.match(header.faults.join(), /twice or unclear/);
  }
  const header = await read(
    OUTER,
    CIPHER.replace('hp="cipher"', 'hp="secret"'),
    signedAndEncrypted,
  );
  assert.equal(header.form, 'unmarked');
  assert.match(header.faults.join(), /not known/);
  const twice = CIPHER.replace('\n\n', '\nContent-Type: text/plain; hp="clear"\n\n');
  assert.equal((await read(OUTER, twice, signedAndEncrypted)).form, 'unmarked');
});

test('RFC 9788 4.1: hp counts on the payload alone, not on its parts, nor on the layers', async () => {
  const part = `Content-Type: multipart/mixed; boundary=b\n\n--b\n${CLEAR}\n--b--\n`;
  assert.equal((await read(OUTER, part)).form, 'none');
  const onLayer = async (payload: Content): Promise<Content> => {
    const text = (await bytesOf(await signedBy(payload))).toString('latin1');
    return bufferContent(Buffer.from(text.replace('name=', 'hp="cipher"; name='), 'latin1'));
  };
  assert.equal((await read(OUTER, 'Content-Type: text/plain\n\nx\n', onLayer)).form, 'none');
  const plain = await open(crlf(`${OUTER}Content-Type: text/plain; hp="clear"\n\nx\n`));
  assert.equal(plain.protectedHeader.form, 'none');
});

test('a protected part beside clear ones protects nothing', async () => {
  const signed = (await bytesOf(await signedBy(bufferContent(crlf(CLEAR))))).toString('latin1');
  const bytes = crlf(
    `${OUTER}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nclear\n--b\n${signed}\n--b--\n`,
  );
  const message = await open(bytes);
  assert.equal(message.protectedHeader.form, 'none');
  assert.equal(message.partial, true);
  assert.equal(claimedOriginators(message).protected, null);
});

const WRAPPED = `From: Dana <dana@clinic.example>
Subject: Order 4711
Date: Tue, 03 Mar 2026 09:15:00 +0100
Content-Type: text/plain

Please run the usual panel.
`;

test('RFC 8551 3.1: a message/rfc822 wrapping protects the header of the wrapped message', async () => {
  const heads = ['Content-Type: message/rfc822', 'Content-Type: message/rfc822; forwarded=no'];
  for (const head of heads) {
    const header = await read(OUTER, `${head}\n\n${WRAPPED}`);
    assert.equal(header.form, 'rfc822', head);
    assert.deepEqual(names(header), ['From', 'Subject', 'Date']);
    assert.deepEqual(secret(header), []);
    assert.deepEqual(header.changedOutside, ['subject']);
  }
  // RFC 9788 section 4.10.2: what is not outside was hidden, as far as anybody can tell
  const hidden = await read(OUTER, `${heads[0]}\n\n${WRAPPED}`, signedAndEncrypted);
  assert.deepEqual(secret(hidden), ['Subject']);
});

test('what is wrapped may have the line ends of a mail store, or a transfer encoding', async () => {
  const bare = Buffer.concat([crlf('Content-Type: message/rfc822\n\n'), Buffer.from(WRAPPED)]);
  assert.equal((await read(OUTER, bare)).form, 'rfc822');
  const head = 'Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n';
  const encoded = Buffer.concat([crlf(head), encodeBase64(crlf(WRAPPED))]);
  assert.equal((await read(OUTER, encoded)).form, 'rfc822');
});

test('RFC 9788 4.10.1: a forwarded message is no wrapping: signed or marked itself, or said to be one', async () => {
  const forwards = [
    `Content-Type: message/rfc822; forwarded=yes\n\n${WRAPPED}`,
    `Content-Type: message/rfc822\n\n${CLEAR}`,
    `Content-Type: message/rfc822\n\n${WRAPPED.replace('text/plain', 'multipart/signed; boundary=b')}`,
    `Content-Type: message/rfc822\n\n${WRAPPED.replace('text/plain', 'application/pkcs7-mime')}`,
    'Content-Type: message/rfc822\n\nSubject: no author\n\nx\n',
    'Content-Type: message/rfc822\n\nno header at all\n',
    `Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n${WRAPPED}--b--\n`,
  ];
  for (const payload of forwards) {
    const header = await read(OUTER, payload);
    assert.equal(header.form, 'none', payload);
    assert.equal(header.carrier, null);
  }
});

test('protected-headers="v1": the fields inside count; what is not outside was hidden', async () => {
  const payload = CLEAR.replace(/hp-.*/, 'protected-headers="v1"');
  const header = await read(OUTER, payload, signedAndEncrypted);
  assert.equal(header.form, 'v1');
  assert.deepEqual(secret(header), ['Subject', 'Keywords']);
  assert.deepEqual(secret(await read(OUTER, payload)), []);
});

test('fields that stand unmarked are found at the innermost layer that has an author', async () => {
  const payload = CLEAR.replace(/; hp-.*/, '');
  assert.equal((await read(OUTER, payload)).form, 'unmarked');
  const between = async (inner: Content): Promise<Content> => {
    const text = (await bytesOf(opaque(emptySignedData(inner)))).toString('latin1');
    return await signedBy(bufferContent(crlf(`From: eve@evil.example\n${text}`)));
  };
  const header = await read(OUTER, 'Content-Type: text/plain\n\nx\n', between);
  assert.equal(header.form, 'unmarked');
  assert.equal(header.coverage, 'signature');
  assert.equal(header.from?.matchesOuter, false);
});

test('coverage: a signature covers, authenticated encryption too; CBC alone and the empty layer do not', async () => {
  const empty = (inner: Content): Content => opaque(emptySignedData(inner));
  const cases: [ProtectedHeader['coverage'], (payload: Content) => Promise<Content>][] = [
    ['signature', signedBy],
    ['signature', async (payload) => await signedBy(empty(payload))],
    ['signature', async (payload) => await encrypted(await signedBy(payload), 'aes256-cbc')],
    ['encryption', encrypted],
    ['encryption', async (payload) => await encrypted(empty(payload))],
    ['nothing', async (payload) => await encrypted(payload, 'aes256-cbc')],
    ['nothing', async (payload) => await encrypted(empty(payload), 'aes256-cbc')],
    ['nothing', (payload) => Promise.resolve(empty(payload))],
  ];
  for (const [coverage, wrap] of cases) {
    assert.equal((await read(OUTER, CIPHER, wrap)).coverage, coverage, wrap.toString());
  }
});

test('what is not opened, or not for us, has no protected header that is known', async () => {
  const foreign = opaque(
    envelopedData(bufferContent(crlf(CIPHER)), [alice.certificate], {
      content: 'aes256-cbc',
      keyTransport: 'auto',
    }),
  );
  for (const inner of [foreign, opaque(bufferContent(Buffer.from('junk')))]) {
    const message = await open(await messageAround(inner, OUTER));
    assert.equal(message.protectedHeader.form, 'none');
  }
});

test('DS-N10: the protected author is claimed beside the outer one, that of a wrapped message too', async () => {
  const payloads = [
    CLEAR.replace('dana@clinic', 'boss@clinic'),
    `Content-Type: message/rfc822\n\n${WRAPPED.replace('dana@clinic', 'boss@clinic')}`,
  ];
  for (const payload of payloads) {
    const signed = await signedBy(bufferContent(crlf(payload)));
    const claimed = claimedOriginators(await open(await messageAround(signed, CLEAR_OUTER)));
    assert.deepEqual(
      claimed.mailboxes.map((mailbox) => mailbox.localPart),
      ['dana', 'boss'],
    );
    assert.deepEqual(
      claimed.protected?.mailboxes.map((mailbox) => mailbox.localPart),
      ['boss'],
    );
  }
});

test('DS-N10: a protected author of another domain is no match, whatever the outer header says', async () => {
  const outer = 'From: alice@acme.example\nSubject: x\n';
  const from = (mailbox: string): string => `From: ${mailbox}\nSubject: x\n`;
  const head = 'Content-Type: message/rfc822; forwarded=no\n\n';
  const cases: [string, string, boolean][] = [
    [outer, `${from('alice@acme.example')}Content-Type: text/plain; hp="clear"\n\nx\n`, true],
    [outer, `${from('boss@evil.example')}Content-Type: text/plain; hp="clear"\n\nx\n`, false],
    [outer, `${from('boss@evil.example')}Content-Type: text/plain; hp="cipher"\n\nx\n`, false],
    [
      outer,
      `${from('boss@evil.example')}Content-Type: text/plain; hp=clear; hp=cipher\n\nx\n`,
      false,
    ],
    [
      outer,
      `${from('boss@evil.example')}Content-Type: text/plain; protected-headers=v1\n\nx\n`,
      false,
    ],
    [outer, `${head}${from('alice@acme.example')}\nx\n`, true],
    [outer, `${head}${from('boss@evil.example')}\nx\n`, false],
    [
      outer.replace('acme', 'evil'),
      `${from('alice@acme.example')}Content-Type: text/plain; hp="clear"\n\nx\n`,
      false,
    ],
    [outer.replace('acme', 'evil'), `${head}${from('alice@acme.example')}\nx\n`, false],
  ];
  for (const [header, payload, fits] of cases) {
    const message = await open(
      await messageAround(await signedBy(bufferContent(crlf(payload))), header),
    );
    const verdict = judge(message, { originators: claimedOriginators(message).mailboxes });
    assert.equal(verdict.mapping, fits ? 'ok' : 'mismatch', payload);
    assert.equal(bindsAuthor(verdict), fits, payload);
  }
});

test('RFC 9788 4.4.1.2: only a valid signature of the author or its domain binds From', async () => {
  const payload = 'From: alice@acme.example\nContent-Type: text/plain; hp="clear"\n\nx\n';
  const cases: [Identity, string, boolean][] = [
    [dsa, TYPE.domain, true],
    [alice, TYPE.originator, true],
    [reviewer, TYPE.review, false],
    [stranger, TYPE.domain, false],
  ];
  for (const [who, type, binds] of cases) {
    const signed = await signedBy(bufferContent(crlf(payload)), who, type);
    const message = await open(await messageAround(signed, 'From: alice@acme.example\n'));
    assert.equal(bindsAuthor(judge(message)), binds, type);
  }
  assert.equal(bindsAuthor(judge(await open(crlf(payload)))), false);
});

test('two From fields inside, or one that is none, make the protected author malformed', async () => {
  for (const line of ['From: a@b.example\nFrom: c@d.example', 'From: a@b.example, <', 'From: ']) {
    const payload = CLEAR.replace(/From: .*/, line);
    const message = await open(
      await messageAround(await signedBy(bufferContent(crlf(payload))), OUTER),
    );
    assert.equal(message.protectedHeader.from?.malformed, true);
    assert.equal(message.protectedHeader.from?.matchesOuter, false);
    assert.equal(claimedOriginators(message).malformed, true);
  }
});

test('thousands of fields are compared in linear time', async () => {
  const many = 'HP-Outer: Subject: x\n'.repeat(900) + 'Comments: x\n'.repeat(900);
  const header = await read(OUTER, `${many}${CIPHER}`, signedAndEncrypted);
  assert.equal(header.fields.length, 906);
});
