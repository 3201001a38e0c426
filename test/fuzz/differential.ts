import { createHash } from 'node:crypto';
import {
  type AuthEnvelopedDataView,
  type CmsCertificate,
  checkSignerInfo,
  decryptContent,
  digestContent,
  type EnvelopedDataView,
  matchesSigner,
  readCms,
  type SignedDataView,
} from '@sallyport/cms';
import {
  MESSAGE_LIMITS,
  type OpenOptions,
  type OwnRecipient,
  openLayers,
  type UnwrapRequest,
} from '@sallyport/domsec';
import { bufferContent, readContent } from '@sallyport/mail';
import { parseCertificate } from '@sallyport/pki';
import fc from 'fast-check';
import { cmsOf, corpusIdentities, corpusMessages, ORIGINALS, type Seed } from './corpus.ts';
import { type Difference, explain, type Rule } from './differences.ts';
import { OWN, unwrapOrNull } from './keys.ts';
import { mutateBer } from './mutate-message.ts';
import { isStrictDer, normalEnvelope, normalSigned } from './normal-form.ts';
import type { Oracle, OracleAnswer } from './oracle.ts';
import { carryOut, plans } from './plan.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const identities = corpusIdentities();
const known: readonly CmsCertificate[] = identities.map((one) => one.certificate);
const HEAD = Buffer.from(
  'Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n',
);
const SIGNED = new Set(Object.values(ORIGINALS.signed).flat());

/** The order of the keys that the oracle is started with. */
export const ORACLE_FILES: readonly string[] = identities.map((one) => one.pemFile);

/** What we say, and the object written anew from what we read, for where libcrypto says no. */
type OwnAnswer =
  | {
      readonly kind: 'yes';
      readonly content: Buffer;
      readonly normal: () => Promise<Buffer | null>;
    }
  | { readonly kind: 'no'; readonly reason: string };

const no = (reason: string): OwnAnswer => ({ kind: 'no', reason });

async function verifyOurs(bytes: Buffer, detached: Buffer | null): Promise<OwnAnswer> {
  const read = await readCms(bufferContent(bytes), MESSAGE_LIMITS.cms);
  if (read.kind === 'malformed') return no(`malformed: ${read.reason}`);
  if (read.kind !== 'signed') return no(`kind: ${read.kind}`);
  const { value } = read;
  if (value.eContent === null && detached === null) return no('no content');
  if (value.eContent !== null && detached !== null) return no('content twice');
  const content = value.eContent ?? bufferContent(detached ?? Buffer.alloc(0));
  if (value.signerInfos.length === 0) return no('no signers');
  const candidates = [...known, ...embedded(value)];
  for (const info of value.signerInfos) {
    const certificate = candidates.find((one) => matchesSigner(info, one));
    if (certificate === undefined) return no('no certificate');
    const check = await checkSignerInfo(info, certificate, {
      contentType: value.eContentType,
      content,
      digest: (name) => digestContent(content, name),
    });
    if (check.kind === 'valid') continue;
    const isDer = info.signedAttrs === null || isStrictDer(info.signedAttrs);
    return no(`${check.kind}: ${check.reason}${isDer ? '' : ' (attributes are not DER)'}`);
  }
  return { kind: 'yes', content: await readContent(content), normal: () => normalSigned(value) };
}

function embedded(value: SignedDataView): CmsCertificate[] {
  return value.certificates.flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
}

/** Why content cannot be decrypted, as far as the object itself shows it. */
function causeOf(view: EnvelopedDataView | AuthEnvelopedDataView): string {
  const { iv, name, tagBytes } = view.contentEncryption;
  if (iv === null) return ' (no iv)';
  if (name?.includes('des') === true) return ' (legacy)';
  return 'mac' in view && view.mac.length !== tagBytes ? ' (tag length)' : '';
}

/** What openLayers asks the keyholder for the one identity; null if it asks nothing. */
async function questionOf(bytes: Buffer, own: OwnRecipient): Promise<UnwrapRequest | null> {
  const asked: UnwrapRequest[] = [];
  const options: OpenOptions = {
    ownRecipients: [own],
    unwrapper: {
      unwrap: async (request) => {
        asked.push(request);
        return await Promise.resolve(Buffer.alloc(request.keyBytes));
      },
    },
    mayOpen: () => Promise.resolve(true),
    knownCertificates: [],
    limits: MESSAGE_LIMITS,
  };
  await openLayers(bufferContent(Buffer.concat([HEAD, bytes])), options);
  return asked[0] ?? null;
}

/** What we decrypt with the key of one identity alone; a wrong key by RFC 3218 is a refusal here. */
async function decryptOurs(bytes: Buffer, keyId: string): Promise<OwnAnswer> {
  const read = await readCms(bufferContent(bytes), MESSAGE_LIMITS.cms);
  if (read.kind === 'malformed') return no(`malformed: ${read.reason}`);
  if (read.kind !== 'enveloped' && read.kind !== 'auth-enveloped') return no(`kind: ${read.kind}`);
  const own = OWN.find((one) => one.keyId === keyId);
  const request = own === undefined ? null : await questionOf(bytes, own);
  if (own === undefined || request === null) return no('no recipientInfo that we can use');
  const key = unwrapOrNull(request);
  if (key === null) return no('the encrypted key does not open');
  const { value } = read;
  const opened = await decryptContent(value, key);
  if (opened.kind === 'failed') return no(`the content does not decrypt${causeOf(value)}`);
  const normal = (): Promise<Buffer | null> => normalEnvelope(value, request, own.certificate);
  return { kind: 'yes', content: await readContent(opened.content), normal };
}

export interface DifferentialResult {
  readonly inputs: number;
  readonly agreed: Readonly<Record<string, number>>;
  /** Differences that a rule explains, by its id. */
  readonly explained: Readonly<Record<string, number>>;
  /** The rest: each is a failure. */
  readonly unexplained: readonly Difference[];
}

interface Question {
  readonly bytes: Buffer;
  readonly seed: Seed;
  /** Null to verify. */
  readonly keyId: string | null;
  readonly detached: Buffer | null;
}

interface DifferentialSeed extends Seed {
  readonly keyId: string | null;
  readonly detached: Buffer | null;
}

function detachedContentOf(message: Buffer): Buffer | null {
  const text = message.toString('latin1');
  const boundary = /^Content-Type: multipart\/signed[\s\S]*?boundary="?([^"\r\n;]+)/m.exec(text);
  if (boundary?.[1] === undefined) return null;
  const delimiter = `--${boundary[1]}`;
  const start = text.indexOf(`\r\n${delimiter}\r\n`) + delimiter.length + 4;
  return message.subarray(start, text.indexOf(`\r\n${delimiter}`, start));
}

function differentialSeeds(): DifferentialSeed[] {
  return corpusMessages().flatMap((message) =>
    cmsOf([message]).flatMap(({ name, bytes }): DifferentialSeed[] => {
      const isEncrypted = /cbc|gcm|oaep|recipients|triple|3des/.test(name);
      if (!isEncrypted) {
        return [{ name, bytes, keyId: null, detached: detachedContentOf(message.bytes) }];
      }
      return OWN.map(({ keyId }) => ({ name, bytes, keyId, detached: null }));
    }),
  );
}

async function askOracle(oracle: Oracle, bytes: Buffer, question: Question): Promise<OracleAnswer> {
  if (question.keyId === null) return await oracle.verify(bytes, question.detached);
  const key = identities.findIndex((one) => one.name === question.keyId);
  return await oracle.decrypt(bytes, key);
}

async function compare(oracle: Oracle, question: Question): Promise<Difference | string> {
  const { bytes, keyId, detached, seed } = question;
  const kind = keyId === null ? 'verify' : 'decrypt';
  const ours = keyId === null ? await verifyOurs(bytes, detached) : await decryptOurs(bytes, keyId);
  const theirs = await askOracle(oracle, bytes, question);
  if (ours.kind === 'no' && theirs.kind === 'no') return `${kind}: both refuse`;
  const base = {
    kind,
    seed: seed.name,
    bytes: bytes.toString('base64'),
    agreesInNormalForm: false,
  } as const;
  if (ours.kind === 'no') return { ...base, who: 'theirs', reason: ours.reason };
  if (theirs.kind === 'no') {
    const normal = await ours.normal();
    const again = normal === null ? theirs : await askOracle(oracle, normal, question);
    const agreesInNormalForm = again.kind === 'yes' && again.content.equals(ours.content);
    return { ...base, who: 'ours', reason: theirs.reason, agreesInNormalForm };
  }
  if (!ours.content.equals(theirs.content)) {
    return { ...base, who: 'both', reason: 'the contents are not the same' };
  }
  if (kind === 'verify' && !SIGNED.has(sha256(ours.content))) {
    return { ...base, who: 'both', reason: 'nobody signed this content' };
  }
  return `${kind}: both accept`;
}

/** Puts so many mutated objects to our engine and to libcrypto, and compares. */
export async function runDifferential(
  oracle: Oracle,
  options: { readonly inputs: number; readonly seed: number; readonly rules: readonly Rule[] },
): Promise<DifferentialResult> {
  const seeds = differentialSeeds();
  const agreed = new Map<string, number>();
  const explained = new Map<string, number>();
  const unexplained: Difference[] = [];
  const count = (map: Map<string, number>, word: string): void => {
    map.set(word, (map.get(word) ?? 0) + 1);
  };
  const property = fc.asyncProperty(plans(seeds.length), async (plan) => {
    const seed = seeds[plan.seed];
    if (seed === undefined) return;
    const bytes = carryOut(plan, { seeds, mutate: mutateBer });
    const found = await compare(oracle, {
      bytes,
      seed,
      keyId: seed.keyId,
      detached: seed.detached,
    });
    if (typeof found === 'string') return count(agreed, found);
    const rule = explain(found, options.rules);
    if (rule !== null) return count(explained, rule.id);
    unexplained.push(found);
  });
  await fc.check(property, { seed: options.seed, numRuns: options.inputs });
  return {
    inputs: options.inputs,
    agreed: Object.fromEntries(agreed),
    explained: Object.fromEntries(explained),
    unexplained,
  };
}
