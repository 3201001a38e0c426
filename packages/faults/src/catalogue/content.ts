import type { FaultEntry } from './entry.ts';

/** Faults: what a message says and holds. */
export const CONTENT_FAULTS = {
  'message-malformed': {
    class: 'permanent',
    code: 554,
    detail: '6.0',
    text: 'message is not well formed',
    advice:
      "The author's program must send a message with a From field that MIME readers can take apart.",
  },
  'limit-exceeded': {
    class: 'permanent',
    code: 554,
    detail: '6.0',
    text: 'message structure is over the limits',
    advice: 'Send a message with fewer or less deeply nested parts.',
  },
  'decryption-failed': {
    class: 'permanent',
    code: 554,
    detail: '7.5',
    text: 'message could not be opened',
    advice: 'Sign with the domain key and encrypt with the certificate that is published now.',
  },
  'algorithm-unsupported': {
    class: 'permanent',
    code: 554,
    detail: '7.6',
    text: 'algorithm not supported',
    advice: 'Use an algorithm of the partner guide.',
  },
  'message-integrity': {
    class: 'permanent',
    code: 554,
    detail: '7.7',
    text: 'signature does not match the message',
    advice: 'The message was changed on its way, or signed wrongly; send it again.',
  },
  'signature-required': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'a valid signature of the sending domain is required',
    advice: 'The sending gateway must sign for its domain (RFC 3183 section 3.2).',
  },
  'signer-not-trusted': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'signer is not trusted for this author',
    advice: 'The two security admins must exchange trust anchors or correct the certificate.',
  },
  'signer-mismatch': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: "signer does not stand for the author's domain",
    advice:
      "The domain signature must be made by an authority of the author's own domain (RFC 3183 section 3.1.1).",
  },
  'encryption-required': {
    class: 'permanent',
    code: 550,
    detail: '7.10',
    text: 'encryption is required',
    advice: 'The sending gateway must encrypt for this domain.',
  },
  'content-refused': {
    class: 'permanent',
    code: 554,
    detail: '7.1',
    text: 'content refused',
    advice: 'Remove the attachment or the harmful content and send again.',
  },
  'scanner-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'content cannot be checked now',
    advice: 'Try again later; the operator must bring the scanner back.',
  },
} as const satisfies Record<string, FaultEntry>;
