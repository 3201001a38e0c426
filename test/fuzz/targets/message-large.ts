import { createHash } from 'node:crypto';
import { authEnvelopedData, envelopedData, signedData, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import { multipartSigned, pkcs7MimeEntity } from '@sallyport/mime';
import { corpusIdentities, ORIGINALS, type Seed } from '../corpus.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateMessage } from '../mutate-message.ts';
import type { Mutator } from '../plan.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';
import { acceptedContents, makeCheck } from './message.ts';

/** Above what is kept in memory, so that every layer is read as it flows by. */
const TEXT_BYTES = 2_300_000;
const REGION_BYTES = 16 * 1024;

const HEAD = Buffer.from(
  'From: Alice <alice@acme.example>\r\nTo: bob@bravo.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n',
);

function largeText(): Buffer {
  const lines: string[] = ['Content-Type: text/plain; charset=us-ascii\r\n\r\n'];
  let length = 0;
  for (let line = 0; length < TEXT_BYTES; line += 1) {
    const text = `${line} ${'abcdefghijklmnopqrstuvwxyz'.repeat(2).slice(0, 10 + (line % 50))}\r\n`;
    lines.push(text);
    length += text.length;
  }
  return Buffer.from(lines.join(''), 'latin1');
}

const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const attribute = (oid: string, value: Buffer): Buffer =>
  der.sequence(der.oid(oid), der.set(value));

function identity(name: string) {
  const found = corpusIdentities().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} in the corpus`);
  return found;
}

function signerOf(content: Buffer) {
  const alice = identity('alice-rsa');
  const { fingerprint } = alice.certificate;
  const digest = digestOf(content);
  ORIGINALS.signed[fingerprint] = [
    ...(ORIGINALS.signed[fingerprint] ?? []),
    digest.toString('hex'),
  ];
  const signedAttrs = der.setOf([
    attribute(OID.contentType, der.oid(OID.data)),
    attribute(OID.messageDigest, der.octetString(digest)),
  ]);
  const info = {
    sid: alice.certificate,
    digestAlgorithm: 'sha256',
    signatureAlgorithm: 'rsa-sha256',
    signedAttrs,
    signature: signRaw(signedAttrs, alice.key, 'rsa-sha256'),
  } as const;
  return { info, certificates: [alice.certificate.der] };
}

const opaqueEntity = async (cms: Content, smimeType: 'signed-data' | 'enveloped-data') =>
  await readContent(pkcs7MimeEntity(cms, { smimeType }));

async function largeSeeds(): Promise<Seed[]> {
  const text = largeText();
  const { info, certificates } = signerOf(text);
  const opaque = await opaqueEntity(
    signedData(bufferContent(text), [info], certificates),
    'signed-data',
  );
  const detached = await readContent(
    signedData(bufferContent(Buffer.alloc(0)), [info], certificates),
  );
  const recipients = [identity('dca-rsa').certificate] as const;
  ORIGINALS.encrypted.push(digestOf(opaque).toString('hex'));
  const options = { keyTransport: 'rsa-pkcs1v15' } as const;
  const cbc = envelopedData(bufferContent(opaque), recipients, {
    ...options,
    content: 'aes256-cbc',
  });
  const gcm = await authEnvelopedData(bufferContent(opaque), recipients, {
    ...options,
    content: 'aes256-gcm',
  });
  const clear = multipartSigned(bufferContent(text), withoutContent(detached), {
    micalg: 'sha-256',
    boundary: '=_large',
  });
  const entities = {
    'large-opaque': opaque,
    'large-clear': await readContent(clear),
    'large-cbc': await opaqueEntity(cbc, 'enveloped-data'),
    'large-gcm': await opaqueEntity(gcm, 'enveloped-data'),
  };
  return Object.entries(entities).map(([name, entity]) => ({
    name,
    bytes: Buffer.concat([HEAD, entity]),
  }));
}

/** The same SignedData without its (empty) eContent. */
function withoutContent(cms: Buffer): Buffer {
  const present = der.sequence(
    der.oid(OID.data),
    der.explicit(0, der.octetString(Buffer.alloc(0))),
  );
  const at = cms.indexOf(present);
  const tail = cms.subarray(at + present.length);
  const body = Buffer.concat([
    der.integer(1),
    der.set(der.sequence(der.oid(OID.sha256))),
    der.sequence(der.oid(OID.data)),
    tail,
  ]);
  return der.sequence(der.oid(OID.signedData), der.explicit(0, der.sequence(body)));
}

/** A change near the beginning or the end, where the structure is, or anywhere by octets. */
const mutateLarge: Mutator = (bytes: Buffer, random: Random, other: Buffer) => {
  const dice = random.below(3);
  if (dice === 0) return mutateBytes(bytes, random, other.subarray(0, REGION_BYTES));
  const cut = dice === 1 ? REGION_BYTES : Math.max(0, bytes.length - REGION_BYTES);
  const region = dice === 1 ? bytes.subarray(0, cut) : bytes.subarray(cut);
  const changed = mutateMessage(region, random, other.subarray(0, REGION_BYTES));
  return dice === 1
    ? Buffer.concat([changed, bytes.subarray(cut)])
    : Buffer.concat([bytes.subarray(0, cut), changed]);
};

/**
 * Messages that no layer of is kept in memory. Their keys and nonces are made anew at each start,
 * so a finding is repeated by its bytes, not by its seed.
 */
export async function largeMessageTarget(): Promise<Target> {
  const seeds = await largeSeeds();
  const check = makeCheck(await acceptedContents(seeds), ['clear']);
  return {
    name: 'message-large',
    share: 0.03,
    seeds,
    mutate: mutateLarge,
    check,
    maxInputBytes: 16 * 1024 * 1024,
    // Opened, hashed, delivered, and opened again, megabytes each time.
    maxInputMs: 4_000,
  };
}
