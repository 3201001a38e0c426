import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detachedSignedData, emptySignedData, signedData } from '@sallyport/cms';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import {
  DEFAULT_MIME_LIMITS,
  decodeBody,
  encodeBase64,
  fieldValues,
  multipartSigned,
  pkcs7MimeEntity,
} from '@sallyport/mime';
import fc from 'fast-check';
import { type DeliverForm, deliveredMessage } from './deliver.ts';
import { outerHeader } from './header-protection.ts';
import { assembleMessage, domainSign } from './outward.ts';
import {
  alice,
  bytesOf,
  crlf,
  dsa,
  encrypted,
  entity,
  messageAround,
  opaque,
  open,
  pipe,
  root,
  signedBy,
  signerInfo,
  signerOf,
} from './test-fixtures.ts';

const limits = DEFAULT_MIME_LIMITS;

interface Form {
  readonly deliver?: DeliverForm;
  readonly isFromBound?: boolean;
}

async function deliver(bytes: Buffer, form: Form = {}): Promise<Buffer> {
  const options = { deliver: 'clear', authservId: 'gw.bravo.example', added: [], ...form } as const;
  return await bytesOf(deliveredMessage(await open(bytes), options));
}

const OUTER = 'From: alice@acme.example\nSubject: [...]\nMIME-Version: 1.0\n';

/** A message around a payload as it stands. */
async function around(
  payload: string | Buffer,
  wrap: (payload: Content) => Promise<Content> = signedBy,
  outer = OUTER,
): Promise<Buffer> {
  const bytes = typeof payload === 'string' ? crlf(payload) : payload;
  return await messageAround(await wrap(bufferContent(bytes)), outer);
}

const signedAndEncrypted = async (payload: Content): Promise<Content> =>
  await encrypted(await signedBy(payload));

function text(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll('\r\n', '\n');
}

/** What another gateway of ours sends. */
async function sent(
  bytes: Buffer,
  profile: 'domsec' | 'compat',
  policy: 'baseline' | 'shy' | 'none' | 'clear',
  innerEncoding: 'base64' | 'binary' = 'base64',
): Promise<Buffer> {
  const message = entity(bytes);
  const hidden = policy === 'clear' ? {} : { headerConfidentiality: policy };
  const headers = { protectHeaders: true, ...hidden };
  const signed = await domainSign(message, signerOf(dsa), {
    profile,
    limits,
    innerEncoding,
    ...headers,
  });
  const whole = policy === 'clear' ? signed : await encrypted(signed);
  return await bytesOf(assembleMessage(outerHeader(message, headers), whole));
}

const line = fc.string({
  unit: fc.constantFrom('a', 'B', ' ', '\t', '.', '-', '=', '\u00fc'),
  maxLength: 90,
});
const submitted = fc
  .record({
    subject: line,
    more: fc.array(
      fc.constantFrom(
        'X-Any: 1',
        'x-any:  two  ',
        'References: <1@x.example>\r\n\t<2@x.example>',
        'Keywords: a, b',
        'To: "Doe, J" <j@bravo.example>,\r\n  k@bravo.example',
        'Date: Tue, 03 Mar 2026 09:15:00 +0100',
        'DKIM-Signature: v=1; bh=x=',
        'Reply-To: other@acme.example',
        'Content-Language: en',
      ),
      { maxLength: 5 },
    ),
    type: fc.constantFrom(
      'text/plain; charset=utf-8',
      'text/plain; charset=utf-8;',
      'text/html;\r\n charset="utf-8"',
      'multipart/mixed; boundary="b b"',
      'message/rfc822',
    ),
    body: fc.array(line, { maxLength: 6 }),
  })
  .map(({ subject, more, type, body }) => {
    const fields = ['From: Alice <alice@acme.example>', `Subject: ${subject}`, ...more];
    const header = [...fields, 'MIME-Version: 1.0', `Content-Type: ${type}`].join('\r\n');
    return Buffer.from(`${header}\r\n\r\n${body.join('\r\n')}\r\n`, 'latin1');
  });

test('what one gateway protects another gives back octet for octet, whatever was hidden on the way', async () => {
  const policy = fc.constantFrom('baseline', 'shy', 'none', 'clear');
  const encoding = fc.constantFrom('base64', 'binary');
  await fc.assert(
    fc.asyncProperty(submitted, policy, encoding, async (bytes, hidden, innerEncoding) => {
      const made = await deliver(await sent(bytes, 'domsec', hidden, innerEncoding), {
        isFromBound: true,
      });
      assert.equal(made.toString('latin1'), bytes.toString('latin1'));
    }),
    { numRuns: 60 },
  );
});

test('RFC 8551 3.1.2: binary inner layers are smaller; around unencrypted mail the outer layer stays base64', async () => {
  const bytes = crlf(
    `From: alice@acme.example\nContent-Type: text/plain\n\n${'text\n'.repeat(4000)}`,
  );
  const plain = (await sent(bytes, 'domsec', 'baseline')).length;
  const small = (await sent(bytes, 'domsec', 'baseline', 'binary')).length;
  assert.ok(small < plain * 0.6, `${small} of ${plain}`);
  const clear = await sent(bytes, 'domsec', 'clear', 'binary');
  assert.ok(clear.every((octet) => octet < 128));
});

test('RFC 9788 4.5: hidden fields come back, marks and HP-Outer go, outer-only fields go', async () => {
  const bytes = crlf(
    'From: Alice <alice@acme.example>\nSubject: secret\nKeywords: k\nContent-Type: text/plain\n\nhello\n',
  );
  for (const policy of ['baseline', 'shy'] as const) {
    const onTheWay = Buffer.concat([
      crlf('Received: from a by b; x\nReply-To: eve@evil.example\nList-Id: <l.example>\n'),
      await sent(bytes, 'domsec', policy),
    ]);
    assert.doesNotMatch(text(onTheWay), /secret|Keywords/);
    const made = text(await deliver(onTheWay, { isFromBound: true }));
    assert.match(made, /^Subject: secret$/m);
    assert.match(made, /^Keywords: k$/m);
    assert.match(made, /^From: Alice <alice@acme.example>$/m);
    assert.match(made, /^Received: .*\nList-Id: /m);
    assert.doesNotMatch(made, /HP-Outer|hp=|Reply-To|\[\.\.\.\]/);
  }
});

test('a marked header without author keeps the outer author and nothing else that only stands outside', async () => {
  const payload = 'Subject: inside\nContent-Type: text/plain; hp="clear"\n\nhello\n';
  const made = text(
    await deliver(await around(payload, signedBy, `Cc: eve@evil.example\n${OUTER}`)),
  );
  assert.equal(
    made,
    'From: alice@acme.example\nMIME-Version: 1.0\nSubject: inside\nContent-Type: text/plain\n\nhello\n',
  );
});

const BOSS =
  'From: Boss <boss@acme.example>\nSubject: pay\nContent-Type: text/plain; hp="clear"\n\nhello\n';

test('RFC 9788 4.4: a protected From that no signature is bound to does not replace the outer one', async () => {
  for (const wrap of [signedBy, signedAndEncrypted]) {
    const bytes = await around(BOSS, wrap);
    const unbound = text(await deliver(bytes));
    assert.match(unbound, /^From: alice@acme.example$/m);
    assert.match(unbound, /^Subject: pay$/m);
    assert.match(unbound, /^X-Sallyport-Protected-From: boss@acme.example$/m);
    assert.doesNotMatch(unbound, /^From: Boss/m);
    const bound = text(await deliver(bytes, { isFromBound: true }));
    assert.match(bound, /^From: Boss <boss@acme.example>$/m);
    assert.doesNotMatch(bound, /Protected-From|alice@/);
  }
});

test('RFC 9788 4.4.5: another display name or case of the same mailbox is no mismatch', async () => {
  const payload = BOSS.replace('Boss <boss@', 'Alice A. <ALICE@').replace('acme.', 'ACME.');
  const made = text(await deliver(await around(payload)));
  assert.match(made, /^From: Alice A. <ALICE@ACME.example>$/m);
  assert.doesNotMatch(made, /Protected-From/);
});

const WRAPPED = 'From: alice@acme.example\nSubject: inside\nContent-Type: text/html\n\nhello\n';

test('RFC 8551 3.1: a wrapped message is unwrapped; under another author’s name it stays an attachment', async () => {
  const payload = `Content-Type: message/rfc822; forwarded=no\n\n${WRAPPED}`;
  const made = text(await deliver(await around(payload)));
  assert.equal(made, `MIME-Version: 1.0\n${WRAPPED}`);
  const other = payload.replace('From: alice', 'From: boss');
  const kept = text(await deliver(await around(other)));
  assert.match(
    kept,
    /^From: alice@acme.example\n(.*\n)*Content-Type: message\/rfc822; forwarded=no\n\nFrom: boss@/m,
  );
  assert.match(text(await deliver(await around(other), { isFromBound: true })), /^From: boss/m);
});

test('RFC 9788 4.10.1: a wrapped message that is signed itself stays an attachment, and its bytes stay', async () => {
  const forward = `From: alice@acme.example\n${text(await bytesOf(await signedBy(bufferContent(crlf(BOSS)), alice, null)))}`;
  const made = text(await deliver(await around(`Content-Type: message/rfc822\n\n${forward}`)));
  assert.ok(made.endsWith(`Content-Type: message/rfc822\n\n${forward}`));
});

test('protected-headers="v1" restores what was hidden', async () => {
  const payload =
    'From: alice@acme.example\nSubject: inside\nContent-Type: text/plain; protected-headers="v1"\n\nhello\n';
  const made = text(await deliver(await around(payload, signedAndEncrypted)));
  assert.match(made, /^Subject: inside$/m);
});

const SMUGGLED = [
  'Received: from x by y; z',
  'RETURN-PATH: <x@y.example>',
  'Delivered-To: x@y.example',
  'Bcc: x@y.example',
  'Resent-Bcc: x@y.example',
  'Authentication-Results: other.example; dkim=pass',
  'Authentication-Results : gw.bravo.example; smime=pass',
  'ARC-Authentication-Results: i=1; other.example; dkim=pass',
  'Received-SPF: pass',
  'X-Sallyport-Verdict: signature=valid',
  'X-Sallyport-Verdict:\n signature=valid',
  'HP-Outer: Received: x',
];

test('no field of the way, of blind copies or in our name comes from the inside', async () => {
  const wrapped = `Content-Type: message/rfc822\n\n`;
  for (const field of SMUGGLED) {
    for (const head of ['', wrapped]) {
      const type = head === '' ? 'text/plain; hp="cipher"' : 'text/plain';
      const payload = `${head}${field}\nFrom: alice@acme.example\nContent-Type: ${type}\n\nhello\n`;
      for (const deliverForm of ['clear', 'signed'] as const) {
        const bytes = await around(payload, signedAndEncrypted);
        const made = entity(await deliver(bytes, { deliver: deliverForm }));
        const name = field.slice(0, field.indexOf(':')).trim();
        assert.deepEqual(fieldValues(made, name), [], `${field} ${deliverForm}`);
      }
    }
  }
});

test('the empty layer and CBC alone prove no field: the outer header stays', async () => {
  const payload =
    'From: boss@acme.example\nSubject: pay\nContent-Type: text/plain; hp="cipher"\n\nhello\n';
  const wraps: ((inner: Content) => Promise<Content>)[] = [
    (inner) => Promise.resolve(opaque(emptySignedData(inner))),
    async (inner) => await encrypted(inner, 'aes256-cbc'),
    async (inner) => await encrypted(opaque(emptySignedData(inner)), 'aes256-cbc'),
  ];
  for (const wrap of wraps) {
    for (const isFromBound of [true, false]) {
      const made = text(await deliver(await around(payload, wrap), { isFromBound }));
      assert.match(made, /^From: alice@acme.example\nSubject: \[\.\.\.\]$/m);
      assert.doesNotMatch(made, /boss/);
    }
    const wrapped = await around(`Content-Type: message/rfc822\n\n${WRAPPED}`, wrap);
    assert.match(
      text(await deliver(wrapped)),
      /^Subject: \[\.\.\.\](\n.*)*message\/rfc822\n\nFrom:/m,
    );
  }
});

test('HP-Outer of the outer header says nothing and is not handed on', async () => {
  const outer = `HP-Outer: Subject: x\n${OUTER}`;
  const made = text(
    await deliver(await around('Content-Type: text/plain\n\nhello\n', signedBy, outer)),
  );
  assert.match(made, /^Subject: \[\.\.\.\]$/m);
  assert.doesNotMatch(made, /HP-Outer/);
});

test('signed: encryption goes, the payload’s bytes stay, and its fields stand outside too', async () => {
  const payload = crlf(
    'From: alice@acme.example\nSubject: inside\nContent-Type: text/plain; hp="cipher"\n\nhello\n',
  );
  const made = await deliver(await around(payload, signedAndEncrypted), { deliver: 'signed' });
  assert.match(
    text(made),
    /^From: alice@acme.example\nSubject: inside\nMIME-Version: 1.0\nContent-Type: application\/pkcs7-mime/m,
  );
  const [layer] = (await open(made)).layers;
  assert.ok(layer?.kind === 'signed');
  assert.deepEqual(await readContent(layer.inside.content), payload);
});

test('an originator’s signature inside encryption stays byte-exact; openssl verifies what is delivered', async () => {
  const payload = bufferContent(
    crlf(
      'From: alice@acme.example\nSubject: inside\nContent-Type: text/plain; hp="cipher"\n\nhello\n',
    ),
  );
  const info = await signerInfo(payload, alice);
  const own = multipartSigned(payload, detachedSignedData([info], [alice.certificate.der]), {
    micalg: 'sha-256',
    boundary: 'own',
  });
  const made = await deliver(await around(await bytesOf(own), encrypted));
  assert.ok(made.includes((await bytesOf(own)).subarray(-200)));
  assert.match(text(made), /^Subject: inside$/m);
  const verify = ['cms', '-verify', '-purpose', 'any', '-no_check_time', '-CAfile', root.certFile];
  assert.deepEqual(pipe(made, ...verify), await bytesOf(payload));
});

test('RFC 8551 3.1.2: a binary layer that stays is handed on in base64, and its signature holds', async () => {
  const payload = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  const info = await signerInfo(payload, alice);
  const cms = signedData(payload, [info], [alice.certificate.der]);
  const binary = pkcs7MimeEntity(cms, { smimeType: 'signed-data', transferEncoding: 'binary' });
  const made = await deliver(await around(await bytesOf(binary), encrypted));
  assert.ok(made.every((octet) => octet < 128));
  assert.equal(fieldValues(entity(made), 'content-transfer-encoding').join(), 'base64');
  const verify = ['cms', '-verify', '-purpose', 'any', '-no_check_time', '-CAfile', root.certFile];
  assert.deepEqual(pipe(made, ...verify), await bytesOf(payload));
  const file =
    'From: alice@acme.example\nContent-Transfer-Encoding: binary\nContent-Type: image/png; hp="cipher"\n\n';
  const octets = Buffer.from([0, 13, 10, 10, 255]);
  const image = await deliver(
    await around(Buffer.concat([crlf(file), octets]), signedAndEncrypted),
  );
  assert.match(text(image), /Transfer-Encoding: base64\n\nAA0KCv8=/);
});

const LDE = 'Subject: inside\nKeywords: k\n\n';

function displayed(type: string, body: string | Buffer, encoding = '7bit'): Buffer {
  const head = `From: alice@acme.example\nContent-Transfer-Encoding: ${encoding}\nContent-Type: ${type}; hp-legacy-display="1"; hp="cipher"\n\n`;
  return Buffer.concat([crlf(head), typeof body === 'string' ? crlf(body) : body]);
}

async function bodyOf(bytes: Buffer): Promise<string> {
  const message = entity(bytes);
  return text(await bytesOf(await decodeBody(message)));
}

test('RFC 9788 4.5.3: legacy display elements go, in every transfer encoding', async () => {
  const long = 'x'.repeat(90);
  const cases: [Buffer, string][] = [
    [displayed('text/plain', `${LDE}hello\n\nbye\n`), 'hello\n\nbye\n'],
    [displayed('text/plain', 'Subject: x\n \n\nhello\n'), 'hello\n'],
    [
      displayed(
        'text/plain',
        `Subject: =E2=82=AC=\n x\n\nGr=C3=BC=C3=9Fe ${long}=\n${long}\n`,
        'quoted-printable',
      ),
      `Gr\u00c3\u00bc\u00c3\u009fe ${long}${long}\n`,
    ],
    [displayed('text/plain', encodeBase64(crlf(`${LDE}hello\n`)), 'base64'), 'hello\n'],
    [
      displayed(
        'text/html',
        '<body><div class="header-protection-legacy-display"><pre>Subject: x</pre></div><p>hello</p></body>\n',
      ),
      '<body><p>hello</p></body>\n',
    ],
    [displayed('text/plain', 'no blank line\n'), 'no blank line\n'],
    [displayed('text/plain; charset=utf-16', `${LDE}hello\n`), `${LDE}hello\n`],
    [displayed('application/json', `${LDE}hello\n`), `${LDE}hello\n`],
  ];
  for (const [payload, left] of cases) {
    const made = await deliver(await around(payload, signedAndEncrypted));
    assert.equal(await bodyOf(made), left);
    assert.ok(made.every((octet) => octet < 128));
  }
});

test('RFC 9788 4.5.3: only marked leaves of encrypted messages, and never within a signature', async () => {
  const marked = 'Content-Type: text/plain; hp-legacy-display="1"\n\nSubject: x\n\nhello\n';
  const plain = 'Content-Type: text/plain\n\nSubject: x\n\nhello\n';
  const signed = `Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=c\n\n--c\n${marked}--c\n\nx\n--c--\n`;
  const head =
    'From: alice@acme.example\nContent-Type: multipart/mixed; boundary=b; hp="cipher"\n\n';
  const parts = [plain, marked, signed, marked];
  const payload = `${head}preamble\n${parts.map((part) => `--b\n${part}`).join('\n')}\n--b--\nepilogue\n`;
  const made = text(await deliver(await around(payload, signedAndEncrypted)));
  const cut = 'Content-Type: text/plain\n\nhello\n';
  const left = [plain, cut, signed, cut].map((part) => `--b\n${part}`).join('\n');
  assert.ok(
    made.endsWith(
      `Content-Type: multipart/mixed; boundary=b\n\npreamble\n${left}\n--b--\nepilogue\n`,
    ),
    made,
  );
  const wrapped = text(displayed('text/plain', `${LDE}hello\n`)).replace('"cipher"', '"clear"');
  assert.match(
    text(await deliver(await around(wrapped, signedAndEncrypted))),
    /^Keywords: k\n\nhello/m,
  );
  const clear = text(await deliver(await around(displayed('text/plain', `${LDE}hello\n`))));
  assert.match(clear, /\n\nSubject: inside\nKeywords: k\n\nhello\n$/);
});

test('as-received changes nothing, whatever the header claims', async () => {
  const bytes = await around(BOSS, signedAndEncrypted);
  assert.deepEqual(await deliver(bytes, { deliver: 'as-received' }), bytes);
});
