import { isReservedLocalPart } from '@sallyport/mail';

/** What of a signer's name is personal: a mailbox, unless it is one of the authorities of a domain. */
export function personalSigner(signer: string | null): {
  readonly personal?: { readonly signer: string };
} {
  const at = signer?.lastIndexOf('@') ?? -1;
  if (signer === null || at === -1) return {};
  return isReservedLocalPart(signer.slice(0, at)) ? {} : { personal: { signer } };
}
