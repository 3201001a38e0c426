import { type EnvelopedDataView, matchesRecipient } from '@sallyport/cms';
import type { OwnRecipient, UnwrapRequest } from './layers.ts';

const MAX_REQUESTS = 4;

/** What to ask the keyholder so that `own` opens the envelope; empty if no algorithm of it is known. */
export function unwrapRequests(view: EnvelopedDataView, own: OwnRecipient): UnwrapRequest[] {
  const { keyBytes } = view.contentEncryption;
  if (keyBytes === null) return [];
  const requests: UnwrapRequest[] = [];
  for (const info of view.recipients) {
    if (!matchesRecipient(info, own.certificate)) continue;
    if (info.kind === 'ktri' && info.algorithm.kind !== 'unsupported') {
      const { algorithm, encryptedKey } = info;
      requests.push({
        keyId: own.keyId,
        keyBytes,
        recipient: { kind: 'ktri', algorithm, encryptedKey },
      });
    }
    if (info.kind === 'kari') {
      const mine = info.recipients.find((one) =>
        matchesRecipient({ ...info, recipients: [one] }, own.certificate),
      );
      if (mine === undefined) continue;
      requests.push({
        keyId: own.keyId,
        keyBytes,
        recipient: {
          kind: 'kari',
          curve: info.curve,
          originatorPublicKey: info.originatorPublicKey,
          kdfHash: info.kdf.hash,
          ukm: info.ukm,
          wrap: info.wrap,
          wrapParameters: info.wrapParameters,
          encryptedKey: mine.encryptedKey,
        },
      });
    }
  }
  return requests.slice(0, MAX_REQUESTS);
}
