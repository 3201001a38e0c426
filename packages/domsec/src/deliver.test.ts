import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptySignedData, envelopedData } from '@sallyport/cms';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, fieldValues, parseContentType } from '@sallyport/mime';
import fc from 'fast-check';
import { authservIdOf } from './authserv-id.ts';
import {
  type DeliverForm,
  deliveredMessage,
  formatAuthenticationResults,
  formatVerdict,
} from './deliver.ts';
import { outerHeader } from './header-protection.ts';
import { assembleMessage, domainSign, listLayer } from './outward.ts';
import {
  alice,
  bytesOf,
  crlf,
  dsa,
  encrypted,
  entity,
  judge,
  MESSAGE,
  messageAround,
  opaque,
  open,
  pipe,
  root,
  signedBy,
  signerOf,
  TYPE,
} from './test-fixtures.ts';
import type { Verdict } from './verdict.ts';

const AUTHSERV = 'gw.bravo.example';
const limits = DEFAULT_MIME_LIMITS;

async function deliver(bytes: Buffer, form: DeliverForm = 'clear'): Promise<Buffer> {
  const added = [{ name: 'X-Sallyport-Verdict', value: 'ours' }];
  const options = { deliver: form, authservId: AUTHSERV, added };
  return await bytesOf(deliveredMessage(await open(bytes), options));
}

/** What a partner sends: domsec, encrypted, the header outside as it was or with another Subject. */
async function fromPartner(message = MESSAGE, subject = 'outside'): Promise<Buffer> {
  const read = entity(message);
  const signed = await domainSign(read, signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
  const whole = assembleMessage(outerHeader(read), await encrypted(signed, 'aes256-cbc'));
  return Buffer.from(
    (await bytesOf(whole)).toString('latin1').replace('The true subject', subject),
    'latin1',
  );
}

function body(bytes: Buffer): string {
  return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4).toString('latin1');
}

test('clear: encryption, domain signature and empty layer are gone; the text is what was written', async () => {
  const made = await deliver(await fromPartner());
  assert.equal(body(made), body(MESSAGE));
  assert.doesNotMatch(made.toString('latin1'), /pkcs7/);
});

test('SM-12: protected header fields replace the outer ones, trace fields of the way stay', async () => {
  const made = entity(await deliver(await fromPartner(MESSAGE, 'changed on the way')));
  assert.deepEqual(fieldValues(made, 'subject'), ['The true subject']);
  assert.deepEqual(fieldValues(made, 'from'), ['Alice <alice@acme.example>']);
  assert.deepEqual(fieldValues(made, 'content-type'), ['text/plain; charset=us-ascii']);
  for (const name of ['received', 'mime-version', 'message-id', 'date']) {
    assert.equal(fieldValues(made, name).length, 1, name);
  }
});

test('SM-12: what only the outside has is not shown beside a protected header', async () => {
  const bytes = Buffer.concat([
    crlf('Reply-To: eve@evil.example\nCc: eve@evil.example\n'),
    await fromPartner(),
  ]);
  const made = entity(await deliver(bytes));
  assert.deepEqual([...fieldValues(made, 'reply-to'), ...fieldValues(made, 'cc')], []);
});

test('without protected fields the outer header stays', async () => {
  const inner = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  const made = entity(await deliver(await messageAround(await encrypted(inner, 'aes256-cbc'))));
  assert.deepEqual(fieldValues(made, 'subject'), ['outside']);
});

test('protected fields of a layer between count too', async () => {
  const inner = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  const between = Buffer.concat([
    crlf('From: alice@acme.example\nSubject: protected\n'),
    await bytesOf(opaque(emptySignedData(inner))),
  ]);
  const made = entity(
    await deliver(await messageAround(await signedBy(bufferContent(between), dsa, TYPE.domain))),
  );
  assert.deepEqual(fieldValues(made, 'subject'), ['protected']);
});

test('trace fields from the inside prove nothing about the way and are dropped', async () => {
  const inner = bufferContent(
    crlf(
      'From: alice@acme.example\nReceived: from forged by forged; x\nReturn-Path: <x@y.example>\n\nhello\n',
    ),
  );
  const made = entity(
    await deliver(
      await messageAround(
        await signedBy(inner, dsa, TYPE.domain),
        'Received: from a by b; x\nFrom: alice@acme.example\n',
      ),
    ),
  );
  assert.deepEqual(fieldValues(made, 'received'), ['from a by b; x']);
  assert.deepEqual(fieldValues(made, 'return-path'), []);
});

test('clear: the originator’s signature stays byte-exact, and openssl verifies what is delivered', async () => {
  const payload = crlf('Content-Type: text/plain\n\n  odd  spaces \t\n\n.\nFrom here\n');
  const sign = [
    'cms',
    '-sign',
    '-signer',
    alice.certFile,
    '-inkey',
    alice.keyFile,
    '-md',
    'sha256',
  ];
  const own = crlf(pipe(payload, ...sign).toString('latin1'));
  const message = Buffer.concat([
    crlf('From: alice@acme.example\nTo: bob@bravo.example\nSubject: The true subject\n'),
    own,
  ]);
  const made = await deliver(await fromPartner(message));
  assert.ok(made.includes(body(own)), 'byte for byte');
  const verify = ['cms', '-verify', '-purpose', 'any', '-no_check_time', '-CAfile', root.certFile];
  assert.deepEqual(pipe(made, ...verify), payload);
  assert.equal(judge(await open(made)).originator, 'authenticated');
});

test('clear: a layer of a type that we do not know may be the author’s and stays', async () => {
  const inner = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  for (const type of [null, TYPE.originator, '1.2.840.113549.1.9.16.9.5']) {
    const made = await deliver(await messageAround(await signedBy(inner, alice, type)));
    assert.match(made.toString('latin1'), /pkcs7-mime/, String(type));
  }
  for (const type of [TYPE.domain, TYPE.review, TYPE['additional-attributes']]) {
    const made = await deliver(await messageAround(await signedBy(inner, dsa, type)));
    assert.equal(body(made), 'hello\r\n');
  }
});

test('clear: the layer of a mail list goes, the author’s signature inside of it stays', async () => {
  const text = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  const list = { kind: 'subjectKeyId', subjectKeyId: Buffer.of(1) } as const;
  const entries = [{ list, time: new Date(0), receiptPolicy: null }];
  const listed = async (inner: Content): Promise<Buffer> =>
    await messageAround(
      await listLayer(inner, signerOf(dsa), [{ kind: 'ml-expansion-history', entries }]),
    );
  const domain = await domainSign(entity(MESSAGE), signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
  assert.equal(body(await deliver(await listed(domain))), body(MESSAGE));
  const signed = await signedBy(text, alice, null);
  const made = await deliver(await listed(signed));
  assert.equal(body(made), body(await bytesOf(signed)), 'the author’s own layer');
});

test('clear: an originator signature around encryption for us goes, or nobody could read it', async () => {
  const inner = await signedBy(
    bufferContent(crlf('Content-Type: text/plain\n\nhello\n')),
    alice,
    null,
  );
  const triple = await signedBy(await encrypted(inner, 'aes256-cbc'), alice, null);
  const made = await deliver(await messageAround(triple));
  const message = await open(made);
  assert.deepEqual(
    message.layers.map((one) => one.kind),
    ['signed'],
  );
  assert.match(body(await bytesOf(message.content.content)), /^hello/);
});

test('signed: only encryption is gone; as-received: the bytes are as they came', async () => {
  const bytes = await fromPartner();
  const signed = await open(await deliver(bytes, 'signed'));
  assert.deepEqual(
    signed.layers.map((one) => one.kind),
    ['signed', 'signed'],
  );
  assert.equal(judge(signed).signature, 'valid');
  const made = await deliver(bytes, 'as-received');
  assert.deepEqual(made.subarray(made.indexOf('\r\n') + 2), bytes);
});

test('what is encrypted for somebody else, or cannot be taken apart, goes on as it is', async () => {
  const foreign = opaque(
    envelopedData(bufferContent(Buffer.from('x')), [alice.certificate], {
      content: 'aes256-cbc',
      keyTransport: 'auto',
    }),
  );
  const broken = opaque(bufferContent(Buffer.from('junk')));
  for (const inner of [foreign, broken]) {
    const bytes = await messageAround(inner);
    const made = await deliver(bytes);
    assert.deepEqual(made.subarray(made.indexOf('\r\n') + 2), bytes);
  }
});

const FORGED = [
  'X-Sallyport-Verdict: signature=valid',
  'x-sallyport-verdict : signature=valid',
  'X-SALLYPORT-Anything: 1',
  'X-Sallyport-Verdict:\n signature=valid;\n signer="x"',
  'Authentication-Results: gw.bravo.example; smime=pass',
  'AUTHENTICATION-RESULTS: GW.Bravo.Example; smime=pass',
  'Authentication-Results:\n gw.bravo.example\n ; smime=pass',
  'Authentication-Results: (c) gw.bravo.example; smime=pass',
  'Authentication-Results: (a (b) \\) c)\n (d) gw.bravo.example 1; smime=pass',
  'Authentication-Results: "gw.bravo.example"; smime=pass',
  'Authentication-Results: "gw\\.bravo.example" 1; smime=pass',
  'Authentication-Results: gw.bravo.example.; smime=pass',
  'Authentication-Results: gw.bravo.example(x); smime=pass',
  'Authentication-Results : gw.bravo.example; smime=pass',
  'Authentication-Results: (never closed gw.bravo.example; smime=pass',
  'Authentication-Results: ; smime=pass',
];

test('RFC 8601 5: fields in our name go, folded, in other case, quoted, after comments', async () => {
  for (const field of FORGED) {
    for (const form of ['clear', 'signed', 'as-received'] as const) {
      const bytes = Buffer.concat([crlf(`${field}\n`), MESSAGE]);
      const made = entity(await deliver(bytes, form));
      const left = made.header.map((one) => one.name.toLowerCase()).slice(1);
      assert.ok(!left.some((name) => name.startsWith('x-sallyport')), field);
      assert.ok(!left.includes('authentication-results'), field);
    }
  }
});

test('RFC 8601 5: forged fields inside the protected header go as well', async () => {
  for (const field of FORGED) {
    const inner = bufferContent(Buffer.concat([crlf(`${field}\n`), MESSAGE]));
    const made = entity(
      await deliver(await messageAround(await signedBy(inner, dsa, TYPE.domain))),
    );
    const names = made.header.map((one) => one.name.toLowerCase()).slice(1);
    assert.ok(!names.some((name) => /^x-sallyport|^authentication-results$/.test(name)), field);
  }
});

test("RFC 8601 5: fields in a trusted front's name go too, outside and inside, in any case", async () => {
  const frontAuthservIds = ['front.acme.example'];
  const options = { authservId: AUTHSERV, frontAuthservIds, deliver: 'clear', added: [] } as const;
  for (const id of ['front.acme.example', 'Front.ACME.example', '"front.acme.example"']) {
    const forged = Buffer.concat([crlf(`Authentication-Results: ${id}; spf=pass\n`), MESSAGE]);
    const inside = await messageAround(await signedBy(bufferContent(forged), dsa, TYPE.domain));
    for (const bytes of [forged, inside]) {
      const made = entity(await bytesOf(deliveredMessage(await open(bytes), options)));
      assert.deepEqual(fieldValues(made, 'authentication-results'), [], id);
    }
  }
});

test('RFC 8601 5: results of others stay, also of one whose name begins as ours', async () => {
  for (const id of ['mx.other.example', 'gw.bravo.example.evil.example', '"mx.other.example"']) {
    const made = entity(
      await deliver(Buffer.concat([crlf(`Authentication-Results: ${id}; spf=pass\n`), MESSAGE])),
    );
    assert.equal(fieldValues(made, 'authentication-results').length, 1, id);
  }
});

test('RFC 8601 2.2: the authserv-id stands after CFWS, as a token or quoted', () => {
  const cases: [string, string | null][] = [
    ['gw.example; x', 'gw.example'],
    ['(a (b) \\) c) (d)\tgw.example(x) 1; x', 'gw.example'],
    ['"gw\\.exa mple" 1', 'gw.exa mple'],
    ['', null],
    ['(open', null],
    ['"open', null],
    ['; x', null],
  ];
  for (const [value, id] of cases) assert.equal(authservIdOf(value), id, value);
});

test('the authserv-id of any text is found or null, in linear time', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const id = authservIdOf(text);
      assert.ok(id === null || id.length > 0);
    }),
  );
  assert.equal(authservIdOf('('.repeat(1_000_000)), null);
});

const VERDICT: Verdict = {
  signature: 'valid',
  signatureType: 'domain',
  signer: 'domain-signing-authority@acme.example',
  originator: 'domain-only',
  mapping: 'ok',
  encryption: 'domain',
  scope: 'whole',
  reason: 'Fine.',
  integrity: true,
  fault: null,
  legacy: [],
  layers: [],
};

test('design section 8: the verdict header carries the words', () => {
  assert.equal(
    formatVerdict(VERDICT, true),
    'signature=valid; signatureType=domain; signer="domain-signing-authority@acme.example"; originator=domain-only; mapping=ok; encryption=domain; scope=whole; flagged=yes; reason="Fine."',
  );
});

test('the verdict says what rests on the word of a trusted front', () => {
  assert.match(formatVerdict(VERDICT, false, ['spf', 'dmarc']), /; fromFront=spf,dmarc; reason=/);
});

test('names out of certificates cannot break out of the header fields or make them too long', async () => {
  const message = await open(MESSAGE);
  fc.assert(
    fc.property(fc.string({ maxLength: 3_000, unit: 'binary' }), (name) => {
      const verdict = { ...VERDICT, signer: `${name}@x`, reason: name };
      const added = [
        { name: 'X-Sallyport-Verdict', value: formatVerdict(verdict, false) },
        { name: 'Authentication-Results', value: formatAuthenticationResults(verdict, AUTHSERV) },
      ];
      const made = deliveredMessage(message, { deliver: 'clear', authservId: AUTHSERV, added });
      assert.ok(made.sizeBytes > 0);
      const words = formatVerdict(verdict, false).replace(/"(?:[^"\\]|\\.)*"/g, '""');
      assert.equal(words.split(';').length, 8);
    }),
  );
  const long = { ...VERDICT, reason: 'x'.repeat(100_000), signer: 'y'.repeat(100_000) };
  const value = formatVerdict(long, false);
  const added = [{ name: 'X-Sallyport-Verdict', value }];
  deliveredMessage(message, { deliver: 'clear', authservId: AUTHSERV, added });
});

test('RFC 7281 3: pass only where the originator or the domain is authenticated (DS-V6)', () => {
  const result = (change: Partial<Verdict>) =>
    /smime=(\w+)/.exec(formatAuthenticationResults({ ...VERDICT, ...change }, AUTHSERV))?.[1];
  assert.equal(result({}), 'pass');
  assert.equal(result({ signatureType: 'originator' }), 'pass');
  const stranger = {
    signature: 'unverifiable',
    mapping: 'mismatch',
    fault: 'signer-mismatch',
  } as const;
  assert.equal(result(stranger), 'policy');
  assert.equal(result({ signatureType: 'review' }), 'neutral');
  assert.equal(result({ signatureType: 'additional-attributes' }), 'neutral');
  assert.equal(result({ signatureType: null }), 'neutral');
  assert.equal(result({ signature: 'invalid' }), 'fail');
  assert.equal(result({ signature: 'unverifiable' }), 'permerror');
  assert.equal(result({ signature: 'none', signer: null }), 'none');
  assert.ok(parseContentType('text/plain') !== null);
});
