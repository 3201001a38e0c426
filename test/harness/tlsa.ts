import { createHash, X509Certificate } from 'node:crypto';

/** One TLSA record as a zone file has it, made from a certificate by node:crypto alone. */
export function tlsaOf(
  pem: string,
  [usage, selector, matching]: readonly [number, number, number],
): string {
  const certificate = new X509Certificate(pem);
  const selected =
    selector === 0
      ? certificate.raw
      : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const data =
    matching === 0
      ? selected
      : createHash(matching === 1 ? 'sha256' : 'sha512')
          .update(selected)
          .digest();
  return `TLSA ${usage} ${selector} ${matching} ${data.toString('hex')}`;
}
