import { MESSAGE_LIMITS, openLayers, type ReadMessage } from '@sallyport/domsec';
import type { Content, QueueId } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { Keyring } from './keyholder-client.ts';

/**
 * Takes a message apart with the gateway's own keys.
 *
 * @throws Unavailable if the keyholder cannot be asked.
 */
export async function openMessage(options: {
  readonly content: Content;
  readonly queueId: QueueId;
  readonly keyring: Keyring;
  readonly knownCertificates: readonly Certificate[];
  readonly mayOpen: (encryptedKey: Buffer, contentDigest: Buffer) => Promise<boolean>;
  /** Some rule accepts algorithms of the past: work them out, and let the judgement say. */
  readonly legacy?: boolean;
}): Promise<ReadMessage> {
  return await openLayers(options.content, {
    ownRecipients: await options.keyring.ownRecipients(),
    unwrapper: options.keyring.unwrapperFor(options.queueId),
    mayOpen: options.mayOpen,
    knownCertificates: options.knownCertificates,
    legacy: options.legacy ?? false,
    limits: MESSAGE_LIMITS,
  });
}
