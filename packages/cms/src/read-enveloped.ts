import { der } from '@sallyport/der';
import { loadSmall } from '@sallyport/mail';
import { readContentEncryption } from './content-cipher.ts';
import type { ElementCursor } from './element-cursor.ts';
import { readAlgorithm } from './read-parts.ts';
import { readRecipientInfo } from './read-recipients.ts';
import type {
  AuthEnvelopedDataView,
  CmsLimits,
  EnvelopedDataView,
  RecipientInfoView,
} from './views.ts';

const SEQUENCE = 16;

/** EnvelopedData (RFC 5652 section 6.1); the cursor stands inside the [0] of ContentInfo. */
export async function readEnvelopedData(
  cursor: ElementCursor,
  limits: CmsLimits,
): Promise<EnvelopedDataView> {
  await cursor.enter('universal', SEQUENCE);
  const view = await readCommon(cursor, limits, 'enveloped');
  await cursor.optionalPart(1, 'attributes'); // unprotected attributes prove nothing
  await cursor.leave();
  return view;
}

/** AuthEnvelopedData (RFC 5083 section 2.1); the cursor stands as above. */
export async function readAuthEnvelopedData(
  cursor: ElementCursor,
  limits: CmsLimits,
): Promise<AuthEnvelopedDataView> {
  await cursor.enter('universal', SEQUENCE);
  const view = await readCommon(cursor, limits, 'auth-enveloped');
  const attributes = await cursor.optionalPart(1, 'attributes');
  const mac = (await cursor.part('mac')).octetString();
  await cursor.optionalPart(2, 'attributes');
  await cursor.leave();
  // RFC 5083 section 2.2: the AAD is the DER of the SET OF, not the [1] IMPLICIT that travels
  const authAttrs = attributes === null ? null : der.set(attributes.next().value);
  return { ...view, mac, authAttrs };
}

async function readCommon(
  cursor: ElementCursor,
  limits: CmsLimits,
  form: 'enveloped' | 'auth-enveloped',
): Promise<EnvelopedDataView> {
  (await cursor.part('version')).smallInteger();
  await cursor.optionalPart(0, 'originator'); // certificates that nobody has checked
  const set = (await cursor.part('recipients')).set();
  const recipients: RecipientInfoView[] = [];
  const budget = { left: limits.maxRecipients };
  while (!set.isAtEnd) recipients.push(readRecipientInfo(set, budget));
  await cursor.enter('universal', SEQUENCE);
  const contentType = await cursor.oid();
  const algorithm = readAlgorithm(await cursor.part('algorithm'));
  const encryptedContent = await loadSmall(await cursor.implicitString(0));
  await cursor.leave();
  return {
    recipients,
    contentType,
    contentEncryption: readContentEncryption(algorithm, form),
    encryptedContent,
  };
}
