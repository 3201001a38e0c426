import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, type Entity, readEntityBytes } from '@sallyport/mime';
import fc from 'fast-check';
import { type HeaderTreatment, outerHeader, signedPayload } from './header-protection.ts';
import { hpOuterField, newField, parseHpOuter } from './header-protection-fields.ts';

function entity(text: string): Entity {
  const bytes = Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');
  const read = readEntityBytes(bytes, DEFAULT_MIME_LIMITS);
  assert.ok(read.kind === 'entity');
  return read.value;
}

const CLEAR = { protectHeaders: true } as const;
const BASELINE = { protectHeaders: true, headerConfidentiality: 'baseline' } as const;
const SHY = { protectHeaders: true, headerConfidentiality: 'shy' } as const;

async function payloadOf(message: string, treatment: HeaderTreatment): Promise<string> {
  const payload = await readContent(signedPayload(entity(message), treatment));
  return payload.toString('latin1').replaceAll('\r\n', '\n');
}

function outerOf(message: string, treatment: HeaderTreatment): string {
  const fields = outerHeader(entity(message), treatment).map((field) => field.raw);
  return Buffer.concat(fields).toString('latin1').replaceAll('\r\n', '\n');
}

// the composed examples of the RFC 9788 digest, section 14, as the inner MTA hands them over
const FIELDS = `From: Dana <dana@clinic.example>
To: lab@hospital.example
Subject: Order 4711
Keywords: stat
Date: Tue, 03 Mar 2026 09:15:00 +0100
Message-ID: <o4711@clinic.example>
`;
const ORDER = `Received: from ward by clinic.example; Tue, 03 Mar 2026 09:15:00 +0100
From: Dana <dana@clinic.example>
To: lab@hospital.example
Bcc: archive@clinic.example
Subject: Order 4711
Keywords: stat
Date: Tue, 03 Mar 2026 09:15:00 +0100
Message-ID: <o4711@clinic.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Please run the usual panel.
`;

test('RFC 9788 5.2.1: signed only: every field inside and outside, hp="clear", no HP-Outer', async () => {
  assert.equal(
    await payloadOf(ORDER, CLEAR),
    `${FIELDS}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; hp="clear"

Please run the usual panel.
`,
  );
  assert.equal(
    outerOf(ORDER, CLEAR),
    `Received: from ward by clinic.example; Tue, 03 Mar 2026 09:15:00 +0100
${FIELDS}`,
  );
});

test('RFC 9788 5.2.1: encrypted, baseline: hp="cipher", Subject obscured, HP-Outer for what is outside', async () => {
  assert.equal(
    await payloadOf(ORDER, BASELINE),
    `${FIELDS}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; hp="cipher"
HP-Outer: From: Dana <dana@clinic.example>
HP-Outer: To: lab@hospital.example
HP-Outer: Subject: [...]
HP-Outer: Date: Tue, 03 Mar 2026 09:15:00 +0100
HP-Outer: Message-ID: <o4711@clinic.example>

Please run the usual panel.
`,
  );
  assert.equal(
    outerOf(ORDER, BASELINE),
    `Received: from ward by clinic.example; Tue, 03 Mar 2026 09:15:00 +0100
From: Dana <dana@clinic.example>
To: lab@hospital.example
Subject: [...]
Date: Tue, 03 Mar 2026 09:15:00 +0100
Message-ID: <o4711@clinic.example>
`,
  );
});

test('RFC 9788 3.2.2: shy shows addresses alone and UTC, and HP-Outer says the same', async () => {
  const outer = outerOf(ORDER, SHY).split('\n').slice(1, -1);
  assert.deepEqual(outer, [
    'From: dana@clinic.example',
    'To: lab@hospital.example',
    'Subject: [...]',
    'Date: Tue, 03 Mar 2026 08:15:00 +0000',
    'Message-ID: <o4711@clinic.example>',
  ]);
  const listed = (await payloadOf(ORDER, SHY)).match(/^HP-Outer: .*$/gm);
  assert.deepEqual(
    listed,
    outer.map((line) => `HP-Outer: ${line}`),
  );
});

test('RFC 9788 3.2.3: with none nothing is hidden, but hp="cipher" still says what was meant', async () => {
  const none = { protectHeaders: true, headerConfidentiality: 'none' } as const;
  assert.match(await payloadOf(ORDER, none), /hp="cipher"\n(HP-Outer: .*\n){6}\n/);
  assert.match(outerOf(ORDER, none), /^Subject: Order 4711$/m);
});

test('without protected header fields nothing is marked and nothing is hidden', async () => {
  const plain = { protectHeaders: false, headerConfidentiality: 'baseline' } as const;
  assert.match(
    await payloadOf(ORDER, plain),
    /^MIME-Version: 1.0\nContent-Type: [^;]*; charset=utf-8\n\n/,
  );
  assert.match(outerOf(ORDER, plain), /^Subject: Order 4711$/m);
});

const SIGNED = `From: Dana <dana@clinic.example>
Subject: Order 4711
DKIM-Signature: v=1; d=clinic.example
Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=s1

--s1
Content-Type: text/plain

Please run the usual panel.
--s1
Content-Type: application/pkcs7-signature

--s1--
`;

test('what came signed or encrypted keeps its bytes: no hp, and its Subject stays readable', async () => {
  const types = [
    'multipart/signed; protocol="application/pgp-signature"; boundary=s1',
    'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=s1',
    'application/pkcs7-mime; smime-type=signed-data',
    'application/x-pkcs7-mime; smime-type=enveloped-data',
  ];
  for (const type of types) {
    const message = SIGNED.replace(/multipart\/signed.*/, type);
    assert.equal(await payloadOf(message, BASELINE), message);
    assert.match(outerOf(message, BASELINE), /^Subject: Order 4711$/m);
  }
});

test('a Content-Type that readers take in two ways is not marked; what the rule hides stays hidden', async () => {
  for (const line of ['Content-Type: text/plain; (', 'Content-Type: a/b\nContent-Type: c/d']) {
    const message = ORDER.replace(/Content-Type: .*/, line);
    const made = await payloadOf(message, BASELINE);
    assert.doesNotMatch(made, /hp=|HP-Outer/);
    assert.match(made, /^Subject: Order 4711$/m);
    assert.match(outerOf(message, BASELINE), /^Subject: \[\.\.\.\]$/m);
  }
});

test('RFC 2045 5.2: a message that does not say its type gets the field, with hp', async () => {
  const made = await payloadOf('From: a@b.example\n\nhello\n', CLEAR);
  assert.equal(
    made,
    'From: a@b.example\nContent-Type: text/plain; charset=us-ascii; hp="clear"\n\nhello\n',
  );
});

test('claims about protection that the submitter wrote are gone, inside and outside', async () => {
  const message = ORDER.replace(
    'charset=utf-8',
    'hp="cipher"; charset=utf-8; hp-legacy-display=1',
  ).replace('Subject', 'HP-Outer: Subject: [...]\nX-Sallyport-Verdict: signature=valid\nSubject');
  for (const treatment of [CLEAR, { protectHeaders: false }]) {
    const made = await payloadOf(message, treatment);
    assert.doesNotMatch(made, /HP-Outer|hp="cipher"|hp-legacy|X-Sallyport/);
    assert.doesNotMatch(outerOf(message, treatment), /HP-Outer/);
  }
});

test('a field that repeats Subject in the words of one program does not give it away', () => {
  const message = ORDER.replace('Keywords', 'Thread-Topic: Order 4711\nKeywords');
  assert.doesNotMatch(outerOf(message, BASELINE), /4711$/m);
});

test('a DKIM signature goes where the body it is over goes: inside', async () => {
  const message = ORDER.replace('Keywords', 'DKIM-Signature: v=1\nKeywords');
  assert.match(await payloadOf(message, CLEAR), /^DKIM-Signature/m);
  assert.doesNotMatch(outerOf(message, CLEAR), /^DKIM-Signature/m);
  assert.match(outerOf(message, { protectHeaders: false }), /^DKIM-Signature/m);
});

test('RFC 9788 2.2: HP-Outer repeats folding and octets, and is read back as name and value', () => {
  const cases: [string, string][] = [
    ['Subject: [...]', 'HP-Outer: Subject: [...]'],
    ['Subject:x', 'HP-Outer: Subject: x'],
    ['Subject : x', 'HP-Outer: Subject: x'],
    [
      'References:\n <1@x.example>\n\t<2@x.example>',
      'HP-Outer: References: \n <1@x.example>\n\t<2@x.example>',
    ],
    [`To: ${'x'.repeat(70)}`, `HP-Outer:\n To: ${'x'.repeat(70)}`],
    ['X-Empty:', 'HP-Outer: X-Empty: '],
  ];
  for (const [line, made] of cases) {
    const [field] = entity(`${line}\n\n`).header;
    assert.ok(field !== undefined);
    const text = hpOuterField(field).toString('latin1').replaceAll('\r\n', '\n');
    assert.equal(text, `${made}\n`);
    const [read] = entity(`${text}\n`).header;
    const { name, value } = field;
    assert.deepEqual(parseHpOuter(read?.value ?? ''), { name: name.toLowerCase(), value });
  }
  for (const value of ['', 'no colon', ': x', 'a b: x', 'ä: x'])
    assert.equal(parseHpOuter(value), null);
});

const header = fc
  .array(
    fc.record({
      name: fc.constantFrom(
        'From',
        'To',
        'Subject',
        'Date',
        'X-Any',
        'Keywords',
        'References',
        'Cc',
      ),
      value: fc.string({
        unit: fc.constantFrom('a', '@', '<', ',', ':', ' ', '"', '(', '\u00fc'),
        maxLength: 120,
      }),
    }),
    { maxLength: 8 },
  )
  .map((fields) =>
    fields.map(({ name, value }) => newField(name, value.trim()).raw.toString('latin1')).join(''),
  );

test('RFC 9788 2.2: HP-Outer names exactly what stands outside, for any header and policy', async () => {
  await fc.assert(
    fc.asyncProperty(header, fc.constantFrom('baseline', 'shy', 'none'), async (fields, policy) => {
      const message = entity(`${fields}Content-Type: text/html\n\n`);
      const treatment = { protectHeaders: true, headerConfidentiality: policy };
      const outer = outerHeader(message, treatment).map(({ name, value }) => ({
        name: name.toLowerCase(),
        value,
      }));
      const made = entity(
        (await readContent(signedPayload(message, treatment))).toString('latin1'),
      );
      const listed = made.header
        .filter(({ name }) => name === 'HP-Outer')
        .map(({ value }) => parseHpOuter(value));
      assert.deepEqual(listed, outer);
    }),
  );
});
