import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, decodeBody, splitMultipart } from '@sallyport/mime';
import { outerHeader, signedPayload } from './header-protection.ts';
import { assembleMessage, domainEncrypt, domainSign, protectedSizeEstimate } from './outward.ts';
import {
  bytesOf,
  crlf,
  dcaEc,
  dcaRsa,
  dsa,
  dsaRsa,
  entity,
  file,
  MESSAGE,
  openssl,
  pipe,
  root,
  signerOf,
  validated,
  write,
} from './test-fixtures.ts';

const limits = DEFAULT_MIME_LIMITS;
const message = entity(MESSAGE);

async function signed(who = dsa, protectHeaders = true): Promise<Buffer> {
  return await bytesOf(
    await domainSign(message, signerOf(who), { profile: 'domsec', protectHeaders, limits }),
  );
}

/** The CMS object that an application/pkcs7-mime entity carries. */
async function cmsOf(bytes: Buffer): Promise<Buffer> {
  return await bytesOf(await decodeBody(entity(bytes)));
}

/** eContent of a SignedData in DER, read by openssl alone. */
function contentOf(cms: Buffer, name: string): Buffer {
  const path = write(name, cms);
  const lines = openssl('asn1parse', '-inform', 'DER', '-in', path).toString().split('\n');
  const line = lines.find((one) => one.includes('OCTET STRING')) ?? '';
  const offset = /^\s*(\d+):/.exec(line)?.[1] ?? '';
  // -strparse reads the octets as ASN.1, which text is not: -offset and the lengths cut them out.
  const [, header = '0', length = '0'] = /hl=\s*(\d+)\s+l=\s*(\d+)/.exec(line) ?? [];
  const start = Number(offset) + Number(header);
  return cms.subarray(start, start + Number(length));
}

const VERIFY = ['cms', '-verify', '-purpose', 'any', '-no_check_time', '-CAfile', root.certFile];

test('RFC 3183 3: openssl verifies the outer layer of domsec and finds the empty layer in it', async () => {
  for (const who of [dsa, dsaRsa]) {
    const bytes = await signed(who);
    const inside = pipe(bytes, ...VERIFY, '-binary');
    assert.match(inside.toString('latin1', 0, 80), /smime-type=signed-data/);
    const empty = await cmsOf(inside);
    const payload = contentOf(empty, 'empty.der');
    assert.deepEqual(payload, await bytesOf(signedPayload(message, { protectHeaders: true })));
  }
});

test('RFC 3183 3.1.2: the outer signature carries id-sti-domainSig, the empty layer no SignerInfo', async () => {
  const outer = await cmsOf(await signed());
  const dump = openssl('asn1parse', '-inform', 'DER', '-i', '-in', write('outer.der', outer));
  const text = dump.toString();
  assert.match(text, /:(id-smime-aa-signatureType|1\.2\.840\.113549\.1\.9\.16\.2\.28)/);
  assert.match(text, /1\.2\.840\.113549\.1\.9\.16\.9\.2/);
  const inner = await cmsOf(contentOf(outer, 'outer2.der'));
  const printed = openssl(
    'cms',
    '-cmsout',
    '-print',
    '-inform',
    'DER',
    '-in',
    write('e.der', inner),
  );
  assert.match(printed.toString(), /signerInfos:\s*<(EMPTY|ABSENT)>/);
  assert.match(printed.toString(), /eContentType: pkcs7-data/);
  assert.throws(() => openssl(...VERIFY, '-inform', 'DER', '-in', file('e.der')), 'no signer');
});

test('RFC 3183 3: a message that is signed already is encapsulated as it is, byte for byte', async () => {
  const clear = await domainSign(message, signerOf(dsa), {
    profile: 'compat',
    protectHeaders: true,
    limits,
  });
  const bytes = Buffer.concat([crlf('From: alice@acme.example\n'), await bytesOf(clear)]);
  const wrapped = await domainSign(entity(bytes), signerOf(dsa), {
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
  assert.deepEqual(contentOf(await cmsOf(await bytesOf(wrapped)), 'w.der'), bytes);
});

test('RFC 8551 3.5.3: openssl verifies compat, which has no SignatureType', async () => {
  for (const who of [dsa, dsaRsa]) {
    const made = await bytesOf(
      await domainSign(message, signerOf(who), { profile: 'compat', protectHeaders: true, limits }),
    );
    const payload = pipe(made, ...VERIFY);
    assert.deepEqual(payload, await bytesOf(signedPayload(message, { protectHeaders: true })));
    const split = await splitMultipart(entity(made), limits);
    assert.ok(split.kind === 'parts' && split.parts[1] !== undefined);
    const signature = await bytesOf(await decodeBody(split.parts[1]));
    const dump = openssl('asn1parse', '-inform', 'DER', '-in', write('p7s', signature));
    assert.doesNotMatch(dump.toString(), /signatureType|16\.2\.28/);
  }
});

test('RFC 8551 3.1.3: compat over 8-bit text signs what 7-bit hops carry; openssl verifies it', async () => {
  const bytes = crlf(
    'From: a@acme.example\nContent-Type: text/plain; charset=utf-8\n\nGr\xfc\xdfe\n',
  );
  const made = await bytesOf(
    await domainSign(entity(bytes), signerOf(dsa), {
      profile: 'compat',
      protectHeaders: true,
      limits,
    }),
  );
  assert.ok(made.every((octet) => octet < 128));
  assert.match(pipe(made, ...VERIFY).toString('latin1'), /Gr=FC=DFe/);
});

test('an 8-bit attached message may not be re-encoded: compat signs it opaquely, without a type', async () => {
  const bytes = crlf(
    'From: a@acme.example\nContent-Type: message/rfc822\n\nSubject: \xfc\n\n\xfc\n',
  );
  const made = await bytesOf(
    await domainSign(entity(bytes), signerOf(dsa), {
      profile: 'compat',
      protectHeaders: true,
      limits,
    }),
  );
  assert.match(made.toString('latin1', 0, 60), /^Content-Type: application\/pkcs7-mime/);
  const payload = await bytesOf(signedPayload(entity(bytes), { protectHeaders: true }));
  assert.deepEqual(pipe(made, ...VERIFY, '-binary'), payload);
});

for (const who of [dcaRsa, dcaEc]) {
  for (const content of ['aes256-cbc', 'aes256-gcm'] as const) {
    const name = `${who === dcaRsa ? 'RSA' : 'EC'}, ${content}`;
    test(`RFC 8551 2.3, 2.7: openssl decrypts domain encryption: ${name}`, async () => {
      const inner = await signed();
      const options = { content, keyTransport: 'auto' } as const;
      const made = await domainEncrypt(bufferContent(inner), validated(who), options);
      const key = ['-recip', who.certFile, '-inkey', who.keyFile];
      assert.deepEqual(pipe(await bytesOf(made), 'cms', '-decrypt', '-binary', ...key), inner);
    });
  }
}

test('RSAES-OAEP where it is asked for; openssl decrypts it', async () => {
  const inner = await signed();
  const options = { content: 'aes256-cbc', keyTransport: 'rsa-oaep' } as const;
  const made = await domainEncrypt(bufferContent(inner), validated(dcaRsa), options);
  const key = ['-recip', dcaRsa.certFile, '-inkey', dcaRsa.keyFile];
  assert.deepEqual(pipe(await bytesOf(made), 'cms', '-decrypt', '-binary', ...key), inner);
});

test('RFC 5322 3.6.3: Bcc is neither inside nor outside; trace fields are outside only', async () => {
  const payload = (await bytesOf(signedPayload(message, { protectHeaders: true }))).toString(
    'latin1',
  );
  assert.doesNotMatch(payload, /bcc|received/i);
  assert.match(payload, /^From: Alice/);
  const outside = outerHeader(message).map((field) => field.name.toLowerCase());
  assert.ok(!outside.includes('bcc') && !outside.includes('content-type'));
  assert.ok(outside.includes('received'));
});

test('without protected headers only the fields of the body are inside', async () => {
  const payload = (await bytesOf(signedPayload(message, { protectHeaders: false }))).toString(
    'latin1',
  );
  assert.match(payload, /^MIME-Version: 1.0\r\nContent-Type: text\/plain[^\r]*\r\n\r\nHello/);
});

test('the assembled message is one message: one MIME-Version, its own Content-Type', async () => {
  const whole = entity(
    await bytesOf(assembleMessage(outerHeader(message), bufferContent(await signed()))),
  );
  const count = (name: string) =>
    whole.header.filter((field) => field.name.toLowerCase() === name).length;
  assert.deepEqual(['mime-version', 'content-type', 'from'].map(count), [1, 1, 1]);
});

test('the size that policy is told is never below the size that is made', async () => {
  const many = `From: alice@acme.example\r\n${'A: b\r\n'.repeat(1_900)}\r\n`;
  for (const head of ['From: alice@acme.example\r\n\r\n', many]) {
    for (const size of [10, 1_000, 100_000]) {
      const plain = entity(Buffer.from(`${head}${'x'.repeat(70)}\r\n`.padEnd(size, 'y\r\n')));
      const headers = { protectHeaders: true, headerConfidentiality: 'none' } as const;
      const signers = signerOf(dsaRsa);
      const layer = await domainSign(plain, signers, { profile: 'domsec', ...headers, limits });
      const options = { content: 'auto', keyTransport: 'auto' } as const;
      const entityMade = await domainEncrypt(layer, validated(dcaRsa), options);
      const made = assembleMessage(outerHeader(plain, headers), entityMade);
      const estimate = protectedSizeEstimate(plain.content.sizeBytes, {
        profile: 'domsec',
        encrypted: true,
        headerBytes: plain.headerBytes,
      });
      assert.ok(estimate >= made.sizeBytes, `${estimate} for ${made.sizeBytes}`);
    }
  }
});
