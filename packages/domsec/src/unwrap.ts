import { type EnvelopedDataView, recipientKeyFor } from '@sallyport/cms';
import type { OwnRecipient, UnwrapRequest } from './layers.ts';

const MAX_REQUESTS = 4;

/** What to ask the keyholder so that `own` opens the envelope; empty if no algorithm of it is known. */
export function unwrapRequests(view: EnvelopedDataView, own: OwnRecipient): UnwrapRequest[] {
  const { keyBytes } = view.contentEncryption;
  if (keyBytes === null) return [];
  const requests = view.recipients.flatMap((info): UnwrapRequest[] => {
    const recipient = recipientKeyFor(info, own.certificate);
    return recipient === null ? [] : [{ keyId: own.keyId, keyBytes, recipient }];
  });
  return requests.slice(0, MAX_REQUESTS);
}
