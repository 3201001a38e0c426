import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { der, OID } from '@sallyport/der';
import { bufferContent, readContent } from '@sallyport/mail';
import fc from 'fast-check';
import {
  type CmsCertificate,
  type CmsObject,
  checkSignerInfo,
  decryptContent,
  digestContent,
  emptySignedData,
  envelopedData,
  matchesRecipient,
  matchesSigner,
  readCms,
  type SignerCheck,
  signedData,
} from './index.ts';
import {
  content,
  LIMITS,
  loadIdentity,
  MESSAGE,
  p256,
  parseCertificate,
  pipe,
  rsa,
  signer,
  unwrap,
  vectors,
} from './test-fixtures.ts';

/** Goes through everything that can be reached from bytes; must never throw. */
async function exercise(
  bytes: Buffer,
  certificates: readonly CmsCertificate[],
): Promise<{ read: CmsObject; checks: SignerCheck[]; eContent: Buffer | null }> {
  const read = await readCms(content(bytes), LIMITS);
  const checks: SignerCheck[] = [];
  let eContent: Buffer | null = null;
  if (read.kind === 'signed') {
    const inner = read.value.eContent ?? content(MESSAGE);
    eContent = await readContent(inner);
    const embedded = read.value.certificates.flatMap(tryCertificate);
    for (const info of read.value.signerInfos) {
      for (const certificate of [...certificates, ...embedded].filter((one) =>
        matchesSigner(info, one),
      )) {
        const digest = (name: Parameters<typeof digestContent>[1]) => digestContent(inner, name);
        const signed = { digest, contentType: read.value.eContentType, content: inner };
        checks.push(await checkSignerInfo(info, certificate, signed));
      }
    }
  }
  if (read.kind === 'enveloped' || read.kind === 'auth-enveloped') {
    for (const recipient of read.value.recipients) {
      for (const certificate of certificates) matchesRecipient(recipient, certificate);
    }
    for (const length of [16, 24, 32]) await decryptContent(read.value, Buffer.alloc(length));
  }
  return { read, checks, eContent };
}

function tryCertificate(bytes: Buffer): CmsCertificate[] {
  try {
    return [parseCertificate(bytes)];
  } catch {
    return [];
  }
}

function cmsBytes(path: string): Buffer {
  const raw = readFileSync(path);
  const text = raw.toString('latin1');
  const pem = /-----BEGIN (?:CMS|PKCS7)-----([^-]*)-----END/.exec(text)?.[1];
  const mime = /pkcs7[\s\S]*?\r?\n\r?\n([A-Za-z0-9+/=\r\n]+)/.exec(text)?.[1];
  if (pem !== undefined) return Buffer.from(pem, 'base64');
  return raw[0] === 0x30 || mime === undefined ? raw : Buffer.from(mime, 'base64');
}

const opensslVectors = vectors('smime/openssl-cms');

test('malformed CMS of the OpenSSL suite ends in a value and is never valid', {
  skip: opensslVectors === null && 'needs ../shared/vectors/smime/openssl-cms',
}, async () => {
  const folder = opensslVectors ?? '';
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const certificates = files
    .filter((entry) => /^sm(rsa|ec)\d\.pem$/.test(entry.name))
    .map((entry) => {
      const text = readFileSync(join(entry.parentPath, entry.name), 'latin1');
      const body = /BEGIN CERTIFICATE-----([^-]*)/.exec(text)?.[1] ?? '';
      return parseCertificate(Buffer.from(body, 'base64'));
    });
  assert.ok(files.length > 30 && certificates.length > 4);
  const outcomes = new Map<string, Awaited<ReturnType<typeof exercise>>>();
  for (const entry of files) {
    outcomes.set(
      entry.name,
      await exercise(cmsBytes(join(entry.parentPath, entry.name)), certificates),
    );
  }
  for (const [name, { checks }] of outcomes) {
    if (name.endsWith('.eml')) continue;
    assert.ok(
      checks.every((check) => check.kind !== 'valid'),
      name,
    );
  }
  const expected: [string, RegExp][] = [
    ['no_ct_attr.cms', /SHA-1|content type is not signed/],
    ['no_md_attr.cms', /SHA-1|no signed message digest/],
    ['ct_multiple_attr.cms', /SHA-1|twice/],
    ['bad_signtime_attr.cms', /SHA-1|malformed|twice/],
  ];
  for (const [name, reason] of expected) {
    const outcome = outcomes.get(name);
    const [check] = outcome?.checks ?? [];
    assert.equal(check?.kind, 'invalid', name);
    assert.match(check !== undefined && 'reason' in check ? check.reason : '', reason, name);
  }
});

const rfc9216 = vectors('smime/rfc9216');

test('RFC 9216: Alice signs and Bob opens with openssl as the other side', {
  skip: rfc9216 === null && 'needs ../shared/vectors/smime/rfc9216',
}, async () => {
  const names = readdirSync(rfc9216 ?? '');
  const find = (start: string): string =>
    join(rfc9216 ?? '', names.find((name) => name.startsWith(start)) ?? '');
  const alice = loadIdentity(find('4.1.'), find('4.2.'), 'rsa-sha256');
  const bob = loadIdentity(find('5.3.'), find('5.4.'), 'rsa-sha256');
  const bytes = await readContent(
    signedData(content(MESSAGE), [await signer(content(MESSAGE), alice)], [alice.certificate.der]),
  );
  assert.deepEqual(
    pipe(bytes, 'cms', '-verify', '-binary', '-inform', 'DER', '-CAfile', find('3.1.')),
    MESSAGE,
  );
  const enveloped = pipe(
    bytes,
    'cms',
    '-encrypt',
    '-binary',
    '-outform',
    'DER',
    '-stream',
    '-aes-256-cbc',
    '-recip',
    bob.certFile,
  );
  const read = await readCms(content(enveloped), LIMITS);
  assert.equal(read.kind, 'enveloped');
  if (read.kind !== 'enveloped') return;
  const [recipient] = read.value.recipients;
  assert.ok(recipient);
  const opened = await decryptContent(read.value, unwrap(recipient, bob));
  assert.deepEqual(opened.kind === 'ok' ? await readContent(opened.content) : null, bytes);
});

test('each limit is met with its own fault, not with memory', async () => {
  const bytes = await readContent(emptySignedData(content(MESSAGE)));
  const tight = await readCms(content(bytes), { ...LIMITS, maxBytes: 10 });
  assert.ok(tight.kind === 'malformed' && tight.fault === 'content-too-big');
  const parts = await signer(content(MESSAGE), rsa);
  const many = await readContent(
    signedData(
      content(MESSAGE),
      [parts, parts, parts],
      [rsa.certificate.der, p256.certificate.der],
    ),
  );
  for (const [limits, fault] of [
    [{ maxSigners: 2 }, 'too-many-signers'],
    [{ maxCertificates: 1 }, 'too-many-certificates'],
  ] as const) {
    const read = await readCms(content(many), { ...LIMITS, ...limits });
    assert.ok(read.kind === 'malformed' && read.fault === fault);
  }
  const enveloped = await readContent(
    envelopedData(content(MESSAGE), [rsa.certificate, p256.certificate], {
      content: 'aes128-cbc',
      keyTransport: 'auto',
    }),
  );
  const read = await readCms(content(enveloped), { ...LIMITS, maxRecipients: 1 });
  assert.ok(read.kind === 'malformed' && read.fault === 'too-many-recipient-infos');
});

test('other content types are named, bare data is given, rubbish is malformed', async () => {
  const other = der.sequence(der.oid(OID.digestedData), der.explicit(0, der.null()));
  assert.deepEqual(await readCms(content(other), LIMITS), {
    kind: 'unsupported',
    contentType: OID.digestedData,
  });
  const data = await readCms(
    content(der.sequence(der.oid(OID.data), der.explicit(0, der.octetString(MESSAGE)))),
    LIMITS,
  );
  assert.ok(data.kind === 'data');
  assert.deepEqual(await readContent(data.content), MESSAGE);
  for (const bytes of [
    Buffer.alloc(0),
    MESSAGE,
    der.set(der.oid(OID.data)),
    der.sequence(der.oid(OID.signedData)),
    Buffer.concat([other, Buffer.of(0)]),
  ]) {
    const read = await readCms(content(bytes), LIMITS);
    assert.ok(read.kind === 'malformed' && read.fault === 'message-malformed');
  }
});

test('RFC 5652 4: an eContent in many small pieces is read in order', async () => {
  const chunks = Array.from({ length: 50_000 }, (_, i) => der.octetString(Buffer.from(`${i}\r\n`)));
  const string = Buffer.concat([Buffer.of(0x24, 0x80), ...chunks, Buffer.alloc(2)]);
  const bytes = der.sequence(
    der.oid(OID.signedData),
    der.explicit(
      0,
      der.sequence(
        der.integer(1),
        der.set(),
        der.sequence(der.oid(OID.data), der.explicit(0, string)),
        der.set(),
      ),
    ),
  );
  const { eContent, read } = await exercise(bytes, []);
  assert.equal(read.kind, 'signed');
  assert.equal(eContent?.toString(), Array.from({ length: 50_000 }, (_, i) => `${i}\r\n`).join(''));
});

test('truncated or changed bytes never throw, and are never valid with other content', async () => {
  const own = await readContent(
    signedData(content(MESSAGE), [await signer(content(MESSAGE), p256)], [p256.certificate.der]),
  );
  const streamed = pipe(
    MESSAGE,
    'cms',
    '-sign',
    '-binary',
    '-nodetach',
    '-stream',
    '-outform',
    'DER',
    '-signer',
    rsa.certFile,
    '-inkey',
    rsa.keyFile,
  );
  const sealed = await readContent(
    envelopedData(bufferContent(MESSAGE), [rsa.certificate, p256.certificate], {
      content: 'aes128-cbc',
      keyTransport: 'auto',
    }),
  );
  const certificates = [rsa.certificate, p256.certificate];
  const seed = fc.record({
    base: fc.constantFrom(own, streamed, sealed),
    cut: fc.option(fc.nat(), { freq: 3 }),
    flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(seed, async ({ base, cut, flips }) => {
      const bytes = Buffer.from(cut === null ? base : base.subarray(0, cut % base.length));
      for (const [at, bits] of flips) {
        if (bytes.length > 0) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ bits;
      }
      const { checks, eContent } = await exercise(bytes, certificates);
      if (checks.some((check) => check.kind === 'valid')) assert.deepEqual(eContent, MESSAGE);
    }),
    { numRuns: 2500 },
  );
});

test('RFC 5652 3: content of a type that we do not know is one element, and no more are walked through', async () => {
  const object = (...elements: Buffer[]): Buffer =>
    der.sequence(der.oid('1.2.3.4'), der.explicit(0, ...elements));
  const indefinite = Buffer.from('3080050005000000', 'hex');
  for (const one of [der.null(), der.octetString(Buffer.alloc(100_000)), indefinite]) {
    const read = await readCms(content(object(one)), LIMITS);
    assert.deepEqual(read, { kind: 'unsupported', contentType: '1.2.3.4' });
    assert.equal((await readCms(content(object(one, der.null())), LIMITS)).kind, 'malformed');
  }
});

test('the recipients of every key agreement are counted together', async () => {
  const key = der.sequence(
    der.sequence(der.sequence(), der.integer(1)),
    der.octetString(Buffer.alloc(40)),
  );
  const originator = der.implicit(
    1,
    der.sequence(
      der.sequence(der.oid(OID.ecPublicKey)),
      der.bitString(Buffer.concat([Buffer.of(4), Buffer.alloc(64)])),
    ),
  );
  const agreement = der.implicit(
    1,
    der.sequence(
      der.integer(3),
      der.explicit(0, originator),
      der.sequence(der.oid('1.3.132.1.11.1'), der.sequence(der.oid('2.16.840.1.101.3.4.1.45'))),
      der.sequence(key, key),
    ),
  );
  const sealed = der.sequence(
    der.oid(OID.data),
    der.sequence(der.oid(OID.aes256Cbc), der.octetString(Buffer.alloc(16))),
    der.implicit(0, der.octetString(Buffer.alloc(16))),
  );
  const recipients = der.set(agreement, agreement);
  const bytes = der.sequence(
    der.oid(OID.envelopedData),
    der.explicit(0, der.sequence(der.integer(2), recipients, sealed)),
  );
  const faultOf = async (maxRecipients: number): Promise<string> => {
    const read = await readCms(content(bytes), { ...LIMITS, maxRecipients });
    return read.kind === 'malformed' ? read.fault : read.kind;
  };
  assert.equal(await faultOf(4), 'enveloped');
  assert.equal(await faultOf(3), 'too-many-recipient-infos');
});
