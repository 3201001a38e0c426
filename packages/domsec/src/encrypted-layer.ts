import { createHash } from 'node:crypto';
import { decryptContent, type EnvelopedDataView, matchesRecipient } from '@sallyport/cms';
import { OID } from '@sallyport/der';
import type { Entity } from '@sallyport/mime';
import { readInside } from './inside.ts';
import type { EncryptedLayer, OpenOptions } from './layers.ts';
import { unwrapRequests } from './unwrap.ts';

/** Decrypts what is for us. Every failure after the key was asked for is the same `failed`. */
export async function encryptedLayer(
  view: EnvelopedDataView,
  authenticated: boolean,
  outside: Entity,
  options: OpenOptions,
): Promise<EncryptedLayer> {
  const base = {
    kind: 'encrypted',
    authenticated,
    contentAlgorithm: view.contentEncryption.name ?? view.contentEncryption.oid,
    legacy: [],
    isUnsupported: isUnsupported(view),
    outside,
  } as const;
  const own = options.ownRecipients.filter((recipient) =>
    view.recipients.some((info) => matchesRecipient(info, recipient.certificate)),
  );
  const [first] = own;
  if (first === undefined) return { ...base, state: 'foreign', keyId: null, inside: null };
  // One RecipientInfo of ours, chosen by what everybody can see, and never a second try with
  // another: whether the first key opened the content would show in what became of the message.
  const [request] = own.flatMap((recipient) => unwrapRequests(view, recipient));
  const keyId = request?.keyId ?? first.keyId;
  const failed = { ...base, state: 'failed', keyId, inside: null } as const;
  // RFC 8551 section 3.3: a MIME entity is encrypted as id-data. What says that it is something else
  // is not opened as mail, and no key is used on it.
  if (request === undefined || view.contentType !== OID.data) return failed;
  const digest = await digestEncrypted(view);
  if (!(await options.mayOpen(request.recipient.encryptedKey, digest))) return failed;
  const key = await options.unwrapper.unwrap(request);
  const opened = await decryptContent(view, key, { legacy: options.legacy === true });
  if (opened.kind === 'failed') return failed;
  const inside = await readInside(opened.content, options);
  if (inside.kind === 'malformed') return failed;
  if (!authenticated && !isPlainHeader(inside.value)) return failed;
  const legacy = view.contentEncryption.name === 'des-ede3-cbc' ? ['des-ede3-cbc'] : [];
  return { ...base, state: 'opened', keyId, inside: inside.value, legacy };
}

function isUnsupported({ contentEncryption, recipients }: EnvelopedDataView): boolean {
  const { name, iv } = contentEncryption;
  return name === null || iv === null || recipients.every(({ kind }) => kind === 'unsupported');
}

// The header between encryption and signature is covered by neither. In a CBC layer an altered block
// turns into sixteen random octets; where they fall into that header, they must not pass for one.
function isPlainHeader(entity: Entity): boolean {
  return entity.header.every((field) =>
    field.raw.every((octet) => (octet >= 0x20 && octet < 0x7f) || LINE_OCTETS.has(octet)),
  );
}

/** HT, LF, CR. */
const LINE_OCTETS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d]);

async function digestEncrypted(view: EnvelopedDataView): Promise<Buffer> {
  const hash = createHash('sha256');
  hash.update(view.contentEncryption.oid);
  hash.update(view.contentEncryption.iv ?? Buffer.alloc(0));
  for await (const chunk of view.encryptedContent.open()) hash.update(chunk);
  return hash.digest();
}
