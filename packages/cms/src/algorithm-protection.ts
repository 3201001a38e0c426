import { DerError, DerReader, OID } from '@sallyport/der';
import { isAbsentOrNull, readAlgorithm } from './read-parts.ts';
import type { SignerInfoView } from './views.ts';

const SIGNATURE_ALGORITHM = 1;

/**
 * True unless the signer says in signed CMSAlgorithmProtection that it used other algorithms than
 * those beside the signature (RFC 6211 section 3).
 */
export function isAlgorithmProtectionKept(view: SignerInfoView): boolean {
  const [value] = view.attributes.get(OID.cmsAlgorithmProtection) ?? [];
  if (value === undefined) return true;
  try {
    const reader = new DerReader(value).sequence();
    const digest = readAlgorithm(reader);
    const tagged = reader.expect('context', SIGNATURE_ALGORITHM);
    reader.end();
    const signature = reader.inside(tagged);
    const oid = signature.oid();
    const parameters = signature.peek() === null ? null : signature.next();
    signature.end();
    const said = isAbsentOrNull(parameters) ? null : (parameters?.bytes ?? null);
    return (
      digest.oid === view.digestOid &&
      oid === view.signatureOid &&
      isSame(said, view.signatureParameters)
    );
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** RFC 6211 section 3: absent and NULL parameters are one where both are allowed. */
function isSame(said: Buffer | null, used: Buffer | null): boolean {
  const isNull = used === null || used.equals(NULL);
  return said === null ? isNull : used?.equals(said) === true;
}

const NULL = Buffer.from('0500', 'hex');
