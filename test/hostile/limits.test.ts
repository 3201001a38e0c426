/**
 * TM-7: every bound on what a stranger may send. One more than it ends in the fault of that bound,
 * within a second and without holding up the event loop; what just keeps it is taken.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { emptySignedData, signedData, signRaw } from '@sallyport/cms';
import { der, MAX_DEPTH, OID } from '@sallyport/der';
import {
  claimedOriginators,
  judgeLayers,
  MESSAGE_LIMITS,
  type OpenOptions,
  openLayers,
} from '@sallyport/domsec';
import { type FaultId, isLimitFault } from '@sallyport/faults';
import { bufferContent, readContent } from '@sallyport/mail';
import { readTree } from '@sallyport/mime';
import { issueCertificate, parseCertificate, type UntrustedCertificate } from '@sallyport/pki';
import { type CorpusIdentity, corpusIdentities } from '../fuzz/corpus.ts';
import { pkcs7Entity } from '../harness/cms-maker.ts';

const MAX_MS = 1_000;
const MAX_DELAY_MS = 200;
/** A busy machine is slow too: only what is slow every time is slow. */
const ATTEMPTS = 4;

type Limits = OpenOptions['limits'];

/** The fault that a message ends in; `taken` if it ends in none. */
async function outcomeOf(message: Buffer, limits: Limits): Promise<FaultId | 'taken'> {
  const read = await openLayers(bufferContent(message), {
    ownRecipients: [],
    unwrapper: { unwrap: () => Promise.reject(new Error('no key is asked for')) },
    mayOpen: () => Promise.resolve(true),
    knownCertificates: [],
    limits,
  });
  if (read.kind === 'malformed') return read.fault;
  const claimed = claimedOriginators(read.message);
  if (claimed.outer.malformed) return 'message-malformed';
  const verdict = judgeLayers(read.message, {
    originators: claimed.mailboxes,
    validate: () => ({ kind: 'valid' }),
    naming: {},
  });
  if (verdict.fault !== null && isLimitFault(verdict.fault)) return verdict.fault;
  const checks = read.message.layers.flatMap((layer) =>
    layer.kind === 'signed' ? layer.signers.map((signer) => signer.check) : [],
  );
  for (const check of checks) if (check.kind !== 'valid') return check.fault;
  // The content filter goes through the whole tree.
  const tree = await readTree(read.message.content, limits.mime);
  return tree.kind === 'malformed' ? tree.fault : 'taken';
}

interface Attempt {
  readonly outcome: FaultId | 'taken';
  readonly ms: number;
  readonly delayMs: number;
}

async function attempt(message: Buffer, limits: Limits): Promise<Attempt> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, 10));
  delay.reset();
  const started = performance.now();
  const outcome = await outcomeOf(message, limits);
  const ms = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, 10));
  delay.disable();
  return { outcome, ms, delayMs: delay.max / 1e6 };
}

async function checkOutcome(
  message: Buffer,
  expected: FaultId | 'taken',
  limits: Limits,
): Promise<void> {
  let last: Attempt | null = null;
  for (let count = 0; count < ATTEMPTS; count += 1) {
    last = await attempt(message, limits);
    assert.equal(last.outcome, expected);
    if (last.ms < MAX_MS && last.delayMs < MAX_DELAY_MS) return;
  }
  assert.fail(`takes ${last?.ms.toFixed(0)} ms and blocks for ${last?.delayMs.toFixed(0)} ms`);
}

const HEAD = 'From: a@a.example\r\nTo: b@b.example\r\nMIME-Version: 1.0\r\n';
const TEXT = Buffer.from('Content-Type: text/plain\r\n\r\nHello.\r\n');

function message(entity: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(HEAD), Buffer.from(entity)]);
}

const opaque = (cms: Buffer): Buffer => message(pkcs7Entity(cms, 'signed-data'));
const sealed = (cms: Buffer): Buffer => message(pkcs7Entity(cms, 'enveloped-data'));

const empty = async (bytes: Buffer): Promise<Buffer> =>
  await readContent(emptySignedData(bufferContent(bytes)));

/** An empty layer whose CMS object is so many bytes. */
async function layerOf(sizeBytes: number): Promise<Buffer> {
  const overhead = (await empty(Buffer.alloc(sizeBytes - 100, 'x'))).length - (sizeBytes - 100);
  const header = Buffer.from('Content-Type: text/plain\r\n\r\n');
  const cms = await empty(
    Buffer.concat([header, Buffer.alloc(sizeBytes - overhead, 'x')]).subarray(
      0,
      sizeBytes - overhead,
    ),
  );
  assert.equal(cms.length, sizeBytes);
  return opaque(cms);
}

async function layers(count: number): Promise<Buffer> {
  let entity: Buffer = TEXT;
  for (let level = 0; level < count; level += 1) {
    entity = pkcs7Entity(await empty(entity), 'signed-data');
  }
  return message(entity);
}

function nestedMultiparts(depth: number): Buffer {
  let text = '';
  for (let level = 0; level < depth; level += 1) {
    text += `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n`;
  }
  return message(`${text}\r\nx\r\n`);
}

function flatParts(count: number): Buffer {
  const parts = '--b\r\n\r\nx\r\n'.repeat(count);
  return message(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b--\r\n`);
}

/** eContent in OCTET STRINGs within OCTET STRINGs. */
function nestedStrings(depth: number): Buffer {
  let string = der.octetString(TEXT);
  for (let level = 0; level < depth; level += 1) {
    string = der.tagged({ tagClass: 'universal', tag: 4, constructed: true }, string);
  }
  const encapsulated = der.sequence(der.oid(OID.data), der.explicit(0, string));
  const value = der.sequence(der.integer(1), der.set(), encapsulated, der.set());
  return opaque(der.sequence(der.oid(OID.signedData), der.explicit(0, value)));
}

function recipients(count: number): Buffer {
  const rid = der.sequence(der.sequence(), der.integer(7));
  const algorithm = der.sequence(der.oid(OID.rsaEncryption), der.null());
  const key = der.octetString(Buffer.alloc(256, 1));
  const info = der.sequence(der.integer(0), rid, algorithm, key);
  const iv = der.octetString(Buffer.alloc(16));
  const content = der.sequence(
    der.oid(OID.data),
    der.sequence(der.oid(OID.aes256Cbc), iv),
    der.tagged({ tagClass: 'context', tag: 0, constructed: false }, Buffer.alloc(32)),
  );
  const infos = der.set(...Array.from({ length: count }, () => info));
  const value = der.sequence(der.integer(0), infos, content);
  return sealed(der.sequence(der.oid(OID.envelopedData), der.explicit(0, value)));
}

const identities = corpusIdentities();

function identity(name: string): CorpusIdentity {
  const found = identities.find((one) => one.name === name);
  assert.ok(found);
  return found;
}

const attribute = (oid: string, value: Buffer): Buffer =>
  der.sequence(der.oid(oid), der.set(value));

/** SHA-256 of `TEXT`, by other code than ours. */
async function digestOf(bytes: Buffer): Promise<Buffer> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes));
}

interface SignedOptions {
  readonly signers?: number;
  readonly certificates?: number;
  readonly extraAttributes?: number;
  /** The certificate that stands for the signer's; its key need not have signed. */
  readonly as?: UntrustedCertificate;
}

async function signed(options: SignedOptions): Promise<Buffer> {
  const alice = identity('alice');
  const as = options.as ?? alice.certificate;
  const extra = Array.from({ length: options.extraAttributes ?? 0 }, (_, index) =>
    attribute(`1.2.3.${index}`, der.null()),
  );
  const signedAttrs = der.setOf([
    attribute(OID.contentType, der.oid(OID.data)),
    attribute(OID.messageDigest, der.octetString(await digestOf(TEXT))),
    ...extra,
  ]);
  const algorithm = options.as === undefined ? 'ecdsa-sha256' : 'rsa-sha256';
  const signature = signRaw(signedAttrs, alice.key, 'ecdsa-sha256');
  const info = {
    sid: as,
    digestAlgorithm: 'sha256',
    signatureAlgorithm: algorithm,
    signedAttrs,
    signature,
  } as const;
  const more = Array.from({ length: (options.signers ?? 1) - 1 }, () => info);
  const certificates = Array.from({ length: options.certificates ?? 1 }, () => as.der);
  const cms = signedData(bufferContent(TEXT), [info, ...more], certificates);
  return opaque(await readContent(cms));
}

/** A certificate over an RSA key that nobody generated: so many bits, and that exponent. */
function certificateWith(bits: number, exponent: bigint): UntrustedCertificate {
  const modulus = Buffer.alloc(bits / 8, 0xff);
  const integer = (content: Buffer): Buffer =>
    der.tagged({ tagClass: 'universal', tag: 2, constructed: false }, content);
  const hex = exponent.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const key = der.sequence(
    integer(Buffer.concat([Buffer.of(0), modulus])),
    integer(Buffer.concat([Buffer.of(0).subarray((octets[0] ?? 0) >> 7 === 1 ? 0 : 1), octets])),
  );
  const algorithm = der.sequence(der.oid(OID.rsaEncryption), der.null());
  const root = identity('root');
  const bytes = issueCertificate({
    subject: { cn: 'Mallory' },
    notBefore: new Date('2026-01-01T00:00:00Z'),
    days: 365,
    emails: ['a@a.example'],
    spki: der.sequence(algorithm, der.bitString(key)),
    issuer: { certificate: root.certificate, privateKey: root.key },
  });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate', parsed.kind === 'malformed' ? parsed.reason : '');
  return parsed.value;
}

function compressed(content: Buffer): Buffer {
  const string = der.octetString(deflateSync(content));
  const encapsulated = der.sequence(der.oid(OID.data), der.explicit(0, string));
  const algorithm = der.sequence(der.oid('1.2.840.113549.1.9.16.3.8'));
  const value = der.sequence(der.integer(0), algorithm, encapsulated);
  const cms = der.sequence(der.oid(OID.compressedData), der.explicit(0, value));
  return message(pkcs7Entity(cms, 'compressed-data'));
}

const E = 65_537n;
const MIB = 1024 * 1024;
const SMALL: Limits = { ...MESSAGE_LIMITS, cms: { ...MESSAGE_LIMITS.cms, maxBytes: MIB } };
const zeros = (length: number): Buffer => Buffer.concat([TEXT, Buffer.alloc(length, 'x')]);

interface Case {
  readonly name: string;
  readonly make: () => Buffer | Promise<Buffer>;
  readonly outcome: FaultId | 'taken';
  readonly limits?: Limits;
}

const { mime, cms } = MESSAGE_LIMITS;

const CASES: readonly Case[] = [
  {
    name: 'a CMS object of the most bytes',
    make: () => layerOf(MIB),
    outcome: 'taken',
    limits: SMALL,
  },
  {
    name: 'a CMS object of a byte more',
    make: () => layerOf(MIB + 1),
    outcome: 'content-too-big',
    limits: SMALL,
  },
  {
    name: 'a header section of the most bytes',
    make: () =>
      Buffer.from(`${HEAD}X: ${'x'.repeat(mime.maxHeaderBytes - HEAD.length - 7)}\r\n\r\nx`),
    outcome: 'taken',
  },
  {
    name: 'a header section of a byte more',
    make: () =>
      Buffer.from(`${HEAD}X: ${'x'.repeat(mime.maxHeaderBytes - HEAD.length - 6)}\r\n\r\nx`),
    outcome: 'header-too-long',
  },
  {
    name: 'the most header fields',
    make: () => message(`${'X: y\r\n'.repeat(mime.maxHeaderFields - 3)}\r\nx`),
    outcome: 'taken',
  },
  {
    name: 'a header field more',
    make: () => message(`${'X: y\r\n'.repeat(mime.maxHeaderFields - 2)}\r\nx`),
    outcome: 'header-too-long',
  },
  { name: 'the most parts', make: () => flatParts(mime.maxParts), outcome: 'taken' },
  { name: 'a part more', make: () => flatParts(mime.maxParts + 1), outcome: 'too-many-parts' },
  {
    name: 'multiparts as deep as may be',
    make: () => nestedMultiparts(mime.maxDepth),
    outcome: 'taken',
  },
  {
    name: 'multiparts a level deeper',
    make: () => nestedMultiparts(mime.maxDepth + 1),
    outcome: 'nested-too-deeply',
  },
  { name: 'layers as deep as may be', make: () => layers(MESSAGE_LIMITS.depth), outcome: 'taken' },
  {
    name: 'a layer more',
    make: () => layers(MESSAGE_LIMITS.depth + 1),
    outcome: 'nested-too-deeply',
  },
  {
    name: 'OCTET STRINGs as deep as may be',
    make: () => nestedStrings(MAX_DEPTH),
    outcome: 'taken',
  },
  {
    name: 'OCTET STRINGs deeper than that',
    make: () => nestedStrings(MAX_DEPTH + 1),
    outcome: 'nested-too-deeply',
  },
  {
    name: 'OCTET STRINGs 20,000 deep',
    make: () => nestedStrings(20_000),
    outcome: 'nested-too-deeply',
  },
  { name: 'the most recipients', make: () => recipients(cms.maxRecipients), outcome: 'taken' },
  {
    name: 'a recipient more',
    make: () => recipients(cms.maxRecipients + 1),
    outcome: 'too-many-recipient-infos',
  },
  { name: 'the most signers', make: () => signed({ signers: cms.maxSigners }), outcome: 'taken' },
  {
    name: 'a signer more',
    make: () => signed({ signers: cms.maxSigners + 1 }),
    outcome: 'too-many-signers',
  },
  {
    name: 'the most certificates',
    make: () => signed({ certificates: cms.maxCertificates }),
    outcome: 'taken',
  },
  {
    name: 'a certificate more',
    make: () => signed({ certificates: cms.maxCertificates + 1 }),
    outcome: 'too-many-certificates',
  },
  {
    name: 'the most signed attributes',
    make: () => signed({ extraAttributes: 62 }),
    outcome: 'taken',
  },
  {
    name: 'a signed attribute more',
    make: () => signed({ extraAttributes: 63 }),
    outcome: 'limit-exceeded',
  },
  // The keys of the next ones signed nothing: that they are taken shows in the signature's being wrong.
  {
    name: 'an RSA key of 2048 bits',
    make: () => signed({ as: certificateWith(2_048, E) }),
    outcome: 'message-integrity',
  },
  {
    name: 'an RSA key of 2040 bits',
    make: () => signed({ as: certificateWith(2_040, E) }),
    outcome: 'key-too-short',
  },
  {
    name: 'an RSA key of 8192 bits',
    make: () => signed({ as: certificateWith(8_192, E) }),
    outcome: 'message-integrity',
  },
  {
    name: 'an RSA key of 8200 bits',
    make: () => signed({ as: certificateWith(8_200, E) }),
    outcome: 'key-too-long',
  },
  {
    name: 'a public exponent of 3',
    make: () => signed({ as: certificateWith(2_048, 3n) }),
    outcome: 'key-exponent-unsafe',
  },
  {
    name: 'an even public exponent',
    make: () => signed({ as: certificateWith(2_048, E + 1n) }),
    outcome: 'key-exponent-unsafe',
  },
  {
    name: 'a public exponent of 1,024 bits',
    make: () => signed({ as: certificateWith(2_048, 2n ** 1_023n + 1n) }),
    outcome: 'key-exponent-unsafe',
  },
  { name: 'content that compresses well', make: () => compressed(zeros(60_000)), outcome: 'taken' },
  {
    name: 'a compression bomb',
    make: () => compressed(zeros(50 * MIB)),
    outcome: 'expands-too-far',
  },
  {
    name: 'content that is too big once decompressed',
    make: () => compressed(zeros(2 * MIB)),
    outcome: 'content-too-big',
    limits: {
      ...MESSAGE_LIMITS,
      cms: { ...MESSAGE_LIMITS.cms, maxBytes: MIB, maxExpansion: 2_000 },
    },
  },
];

for (const { name, make, outcome, limits = MESSAGE_LIMITS } of CASES) {
  test(`TM-7: ${name}: ${outcome}`, async () => {
    await checkOutcome(await make(), outcome, limits);
  });
}
