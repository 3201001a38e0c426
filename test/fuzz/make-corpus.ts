/**
 * Makes the seeds of `test/fuzz/corpus` anew: `node test/fuzz/make-corpus.ts`. They are kept, not
 * made at each run, so that a seed number printed today names the same bytes tomorrow.
 *
 * Half are made by our own engine, half by the OpenSSL command line. What was signed and what was
 * encrypted is written down here, where it is known, and not read back by the code under test.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { der, OID } from '@sallyport/der';
import { domainEncrypt, domainSign } from '@sallyport/domsec';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import {
  DEFAULT_MIME_LIMITS,
  type Entity,
  multipartSigned,
  readEntityBytes,
} from '@sallyport/mime';
import { validated } from '../harness/certificates.ts';
import { pkcs7Entity } from '../harness/cms-maker.ts';
import {
  FOLDER,
  type Identity,
  makeIdentity,
  noteSigned,
  SIGNING_TIME,
  sha256,
  signed,
  signerOf,
} from './corpus-identity.ts';

const SEEDS = join(FOLDER, 'seeds');
const encrypted: string[] = [];

const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');

function entity(bytes: Buffer): Entity {
  const read = readEntityBytes(bytes, DEFAULT_MIME_LIMITS);
  if (read.kind !== 'entity') throw new Error(read.reason);
  return read.value;
}

const HEAD = crlf(
  'From: Alice <alice@acme.example>\nTo: bob@bravo.example\nSubject: outside\nMIME-Version: 1.0\n',
);
const TEXT = crlf(`Content-Type: text/plain; charset=us-ascii

Hello Bob.
.
From the second line on.
`);
const MESSAGE = Buffer.concat([
  crlf(
    'Received: from a (b) by c; Mon, 1 Jun 2026 00:00:00 +0000\nFrom: Alice <alice@acme.example>\nTo: bob@bravo.example\nSubject: The true subject\nMessage-ID: <1@acme.example>\nDate: Mon, 1 Jun 2026 00:00:00 +0000\nMIME-Version: 1.0\n',
  ),
  TEXT,
]);
const MIXED = crlf(`Content-Type: multipart/mixed; boundary="=_m"

preamble
--=_m
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>caf=C3=A9 =
soft</p>
--=_m
Content-Type: application/octet-stream; name="a.bin"
Content-Disposition: attachment; filename*=utf-8''a%20b.bin
Content-Transfer-Encoding: base64

QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU2Nzg5YWJjZGVmZ2hp
--=_m--
epilogue
`);

const working = mkdtempSync(join(tmpdir(), 'sallyport-corpus-'));

/** The OpenSSL command line over files. */
function openssl(input: Buffer, ...args: string[]): Buffer {
  const [from, to] = [join(working, 'in'), join(working, 'out')];
  writeFileSync(from, input);
  execFileSync('openssl', [...args, '-in', from, '-out', to], { stdio: 'pipe' });
  return readFileSync(to);
}

function opensslSign(content: Buffer, signers: readonly Identity[], ...args: string[]): Buffer {
  for (const who of signers) noteSigned(who, sha256(content));
  const files = signers.flatMap(({ pemFile }) => ['-signer', pemFile, '-inkey', pemFile]);
  return openssl(
    content,
    'cms',
    '-sign',
    '-binary',
    '-outform',
    'DER',
    '-md',
    'sha256',
    ...files,
    ...args,
  );
}

function opensslEncrypt(content: Buffer, recipients: readonly string[], ...args: string[]): Buffer {
  encrypted.push(sha256(content));
  const how = recipients.flatMap((recipient) => recipient.split(' '));
  return openssl(content, 'cms', '-encrypt', '-binary', '-outform', 'DER', ...args, ...how);
}

function clear(content: Buffer, signature: Buffer): Content {
  const options = { micalg: 'sha-256', boundary: '=_clear' };
  return multipartSigned(bufferContent(content), signature, options);
}

async function seed(name: string, inside: Content | Buffer, head = HEAD): Promise<Buffer> {
  const bytes = Buffer.isBuffer(inside) ? inside : await readContent(inside);
  const message = Buffer.concat([head, bytes]);
  writeFileSync(join(SEEDS, `${name}.eml`), message);
  return bytes;
}

function compressed(content: Buffer): Buffer {
  const encapsulated = der.sequence(
    der.oid(OID.data),
    der.explicit(0, der.octetString(deflateSync(content))),
  );
  const algorithm = der.sequence(der.oid('1.2.840.113549.1.9.16.3.8'));
  const value = der.sequence(der.integer(0), algorithm, encapsulated);
  return der.sequence(der.oid(OID.compressedData), der.explicit(0, value));
}

async function ownSeeds(who: Record<string, Identity>): Promise<void> {
  const { root, dsa, dsaRsa, reviewer, alice, dcaRsa, dcaEc } = who;
  if (!root || !dsa || !dsaRsa || !reviewer || !alice || !dcaRsa || !dcaEc) return;
  const limits = DEFAULT_MIME_LIMITS;
  const domsec = { profile: 'domsec', protectHeaders: true, limits } as const;
  const compat = { profile: 'compat', protectHeaders: false, limits } as const;
  const seal = async (
    inside: Buffer,
    recipient: Identity,
    content: 'aes256-cbc' | 'aes256-gcm',
    keyTransport: 'auto' | 'rsa-oaep' | 'ecdh' = 'auto',
  ): Promise<Content> => {
    encrypted.push(sha256(inside));
    return await domainEncrypt(
      bufferContent(inside),
      validated(recipient.certificate, root.certificate, SIGNING_TIME),
      {
        content,
        keyTransport,
      },
    );
  };
  const signedEc = await seed(
    'own-domsec-ec',
    await domainSign(entity(MESSAGE), signerOf(dsa), domsec),
  );
  await seed('own-domsec-rsa', await domainSign(entity(MESSAGE), signerOf(dsaRsa), domsec));
  const compatEc = await seed(
    'own-compat-ec',
    await domainSign(entity(MESSAGE), signerOf(dsa), compat),
  );
  await seed(
    'own-compat-protected',
    await domainSign(entity(MESSAGE), signerOf(dsa), { ...compat, protectHeaders: true }),
  );
  await seed(
    'own-review',
    await domainSign(entity(Buffer.concat([HEAD, signedEc])), signerOf(reviewer, ['review']), {
      ...domsec,
      protectHeaders: false,
    }),
  );
  await seed('own-domsec-cbc-rsa', await seal(signedEc, dcaRsa, 'aes256-cbc'));
  await seed('own-domsec-gcm-ec', await seal(signedEc, dcaEc, 'aes256-gcm'));
  await seed('own-compat-cbc-oaep', await seal(compatEc, dcaRsa, 'aes256-cbc', 'rsa-oaep'));
  await seed('own-cbc-unsigned', await seal(TEXT, dcaEc, 'aes256-cbc'));
  await seed('own-gcm-unsigned', await seal(MIXED, dcaRsa, 'aes256-gcm'));
  const mixedClear = await readContent(clear(MIXED, opensslSign(MIXED, [alice])));
  const around = Buffer.concat([HEAD, mixedClear]);
  const triple = await seed(
    'own-domsec-around-author',
    await domainSign(entity(around), signerOf(dsa), domsec),
  );
  await seed('own-triple', await seal(triple, dcaRsa, 'aes256-cbc'));
}

async function opensslSeeds(who: Record<string, Identity>): Promise<void> {
  const { alice, aliceRsa, dsaRsa, dcaRsa, dcaEc } = who;
  if (!alice || !aliceRsa || !dsaRsa || !dcaRsa || !dcaEc) return;
  const opaque = (bytes: Buffer): Buffer => pkcs7Entity(bytes, 'signed-data');
  const sealed = (bytes: Buffer): Buffer => pkcs7Entity(bytes, 'enveloped-data');
  const rsaClear = await seed('openssl-clear-rsa', clear(TEXT, opensslSign(TEXT, [aliceRsa])));
  await seed('openssl-clear-ec', clear(MIXED, opensslSign(MIXED, [alice])));
  await seed('openssl-clear-two', clear(TEXT, opensslSign(TEXT, [alice, aliceRsa])));
  await seed('openssl-opaque', opaque(opensslSign(TEXT, [alice], '-nodetach')));
  await seed(
    'openssl-opaque-stream',
    opaque(opensslSign(MIXED, [aliceRsa], '-nodetach', '-stream')),
  );
  await seed(
    'openssl-opaque-pss',
    opaque(opensslSign(TEXT, [aliceRsa], '-nodetach', '-keyopt', 'rsa_padding_mode:pss')),
  );
  await seed('openssl-opaque-keyid', opaque(opensslSign(TEXT, [alice], '-nodetach', '-keyid')));
  await seed(
    'openssl-opaque-sha512',
    opaque(opensslSign(TEXT, [dsaRsa], '-nodetach', '-md', 'sha512')),
  );
  await seed(
    'openssl-no-certificates',
    opaque(opensslSign(TEXT, [alice], '-nodetach', '-nocerts')),
  );
  await seed(
    'openssl-no-attributes',
    opaque(opensslSign(TEXT, [aliceRsa], '-nodetach', '-noattr')),
  );
  const receipt = ['-receipt_request_all', '-receipt_request_to', 'alice@acme.example'];
  await seed(
    'openssl-receipt-request',
    opaque(opensslSign(TEXT, [alice], '-nodetach', ...receipt)),
  );
  await seed(
    'openssl-cbc128-rsa',
    sealed(opensslEncrypt(rsaClear, [`-recip ${dcaRsa.pemFile}`], '-aes-128-cbc')),
  );
  await seed(
    'openssl-cbc256-stream',
    sealed(opensslEncrypt(MIXED, [`-recip ${dcaRsa.pemFile}`], '-aes-256-cbc', '-stream')),
  );
  await seed(
    'openssl-gcm-ec',
    sealed(opensslEncrypt(TEXT, [`-recip ${dcaEc.pemFile}`], '-aes-256-gcm')),
  );
  await seed(
    'openssl-cbc-kari',
    sealed(opensslEncrypt(TEXT, [`-recip ${dcaEc.pemFile}`], '-aes-128-cbc', '-aes128-wrap')),
  );
  await seed(
    'openssl-oaep',
    sealed(
      opensslEncrypt(
        TEXT,
        [`-recip ${dcaRsa.pemFile} -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256`],
        '-aes-256-cbc',
      ),
    ),
  );
  await seed(
    'openssl-many-recipients',
    sealed(
      opensslEncrypt(
        rsaClear,
        [dcaEc, aliceRsa, dcaRsa].map((one) => `-recip ${one.pemFile}`),
        '-aes-256-gcm',
        '-keyid',
      ),
    ),
  );
  await seed('openssl-3des', sealed(opensslEncrypt(TEXT, [`-recip ${dcaRsa.pemFile}`], '-des3')));
  const digested = openssl(TEXT, 'cms', '-digest_create', '-binary', '-outform', 'DER');
  await seed('openssl-digested', opaque(digested));
  const inner = opaque(opensslSign(TEXT, [alice], '-nodetach'));
  await seed(
    'openssl-signed-encrypted-signed',
    opaque(
      opensslSign(
        sealed(opensslEncrypt(inner, [`-recip ${dcaRsa.pemFile}`], '-aes-256-cbc')),
        [aliceRsa],
        '-nodetach',
      ),
    ),
  );
  await seed('compressed', pkcs7Entity(compressed(TEXT), 'compressed-data'));
  await seed('compressed-signed', pkcs7Entity(compressed(rsaClear), 'compressed-data'));
  const part = Buffer.concat([
    crlf('Content-Type: multipart/mixed; boundary="=_p"\n\n--=_p\n'),
    TEXT,
    crlf('\n--=_p\n'),
    rsaClear,
    crlf('\n--=_p--\n'),
  ]);
  await seed('partly-signed', part);
}

async function plainSeeds(): Promise<void> {
  await seed('plain-text', MESSAGE, Buffer.alloc(0));
  await seed('plain-mixed', MIXED);
  const attached = Buffer.concat([
    crlf('Content-Type: multipart/digest; boundary=d\n\n--d\n\n'),
    MESSAGE,
    crlf('\n--d\nContent-Type: message/rfc822\n\n'),
    HEAD,
    MIXED,
    crlf('\n--d--\n'),
  ]);
  await seed('plain-digest', attached);
  const hard =
    crlf(`From: "Ali\\"ce, (x)" (comment (nested)) <alice@acme.example>, team: bob@bravo.example, "c d"@bravo.example;
Sender: =?utf-8?q?Alice?= <alice@acme.example>
To: undisclosed-recipients:;
Subject: =?utf-8?b?w6k=?=
 folded
Content-Type: text/plain; charset*0*=us-ascii''utf; charset*1="-8"; hp="clear"; name*=utf-8''%e2%82%ac
HP-Outer: Subject: [...]
Content-Transfer-Encoding: 8bit

caf\xe9
`);
  await seed('plain-hard-header', hard, Buffer.alloc(0));
}

rmSync(SEEDS, { recursive: true, force: true });
mkdirSync(SEEDS, { recursive: true });
const root = makeIdentity('root', { cn: 'Acme Root', ca: true });
const authority = (name: string, cn: string, domain: string, kind: 'rsa' | 'ec' = 'ec') =>
  makeIdentity(name, { cn, emails: [`${cn}@${domain}`], kind, issuer: root });
const who = {
  root,
  dsa: authority('dsa', 'domain-signing-authority', 'acme.example'),
  dsaRsa: authority('dsa-rsa', 'domain-signing-authority', 'acme.example', 'rsa'),
  reviewer: authority('reviewer', 'review-authority', 'acme.example'),
  alice: makeIdentity('alice', { cn: 'Alice', emails: ['alice@acme.example'], issuer: root }),
  aliceRsa: makeIdentity('alice-rsa', {
    cn: 'Alice',
    emails: ['alice@acme.example'],
    kind: 'rsa',
    issuer: root,
  }),
  dcaRsa: authority('dca-rsa', 'domain-confidentiality-authority', 'bravo.example', 'rsa'),
  dcaEc: authority('dca-ec', 'domain-confidentiality-authority', 'bravo.example'),
};
await ownSeeds(who);
await opensslSeeds(who);
await plainSeeds();
rmSync(working, { recursive: true, force: true });
const originals = { signed, encrypted: [...new Set(encrypted)] };
writeFileSync(join(FOLDER, 'originals.json'), `${JSON.stringify(originals, null, 2)}\n`);
