/** Reply codes that ask the client to try again (RFC 5321 section 4.2.1). */
type TransientCode = 421 | 450 | 451 | 452 | 454;
/** Reply codes that refuse for good. 530 and 535 are of RFC 3207 and RFC 4954. */
type PermanentCode =
  | 500
  | 501
  | 502
  | 503
  | 504
  | 521
  | 523
  | 530
  | 535
  | 538
  | 550
  | 552
  | 553
  | 554
  | 555;
/** Subject and detail of RFC 3463 section 2; the class digit comes from `class` alone. */
type Detail = `${number}.${number}`;

interface FaultText {
  readonly detail: Detail;
  /** The sentence that strangers may read: no host, path, rule or library. */
  readonly text: string;
  /** What to do about it, and who can. */
  readonly advice: string;
}

export type FaultEntry =
  | (FaultText & { readonly class: 'transient'; readonly code: TransientCode })
  | (FaultText & { readonly class: 'permanent'; readonly code: PermanentCode })
  /** Never said in an SMTP reply of ours: only in a DSN, the log and the console. */
  | (FaultText & { readonly class: 'transient' | 'permanent'; readonly code: null });

/** Every fault there is. Codes: RFC 5321 section 4.2, RFC 3463 section 3 and the IANA list. */
export const FAULTS = {
  // anywhere
  internal: {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'Try again later; the operator finds the cause in the log under the queue id.',
  },
  overloaded: {
    class: 'transient',
    code: 421,
    detail: '3.2',
    text: 'too busy, try again later',
    advice: 'Try again later.',
  },
  'shutting-down': {
    class: 'transient',
    code: 421,
    detail: '3.2',
    text: 'service is closing',
    advice: 'Try again in a minute.',
  },
  'recorder-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the recorder back; nothing is accepted or signed without it.',
  },
  'keyholder-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the keyholder back; nothing is signed or opened without it.',
  },
  'worker-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the worker back.',
  },

  // ingress: the session
  'too-many-connections': {
    class: 'transient',
    code: 421,
    detail: '7.0',
    text: 'too many connections',
    advice: 'Use fewer connections at once.',
  },
  'early-talker': {
    class: 'transient',
    code: 421,
    detail: '7.0',
    text: 'client spoke before the greeting',
    advice: 'Correct the client: it must wait for the greeting (RFC 5321 section 3.1).',
  },
  'too-many-errors': {
    class: 'transient',
    code: 421,
    detail: '7.0',
    text: 'too many errors',
    advice: 'Correct the client.',
  },
  'command-timeout': {
    class: 'transient',
    code: 421,
    detail: '4.2',
    text: 'command took too long',
    advice: 'Try again; the client was silent or too slow.',
  },
  'session-timeout': {
    class: 'transient',
    code: 421,
    detail: '4.2',
    text: 'session took too long',
    advice: 'Try again with fewer messages in one session.',
  },
  'line-too-long': {
    class: 'permanent',
    code: 500,
    detail: '5.6',
    text: 'line too long',
    advice: 'Keep text lines within 998 octets (RFC 5322 section 2.1.1).',
  },
  'bare-line-end': {
    class: 'permanent',
    code: 521,
    detail: '5.2',
    text: 'lines must end with CR LF',
    advice: 'The client must send CR LF at the end of every line (RFC 5321 section 2.3.8).',
  },
  'nul-in-data': {
    class: 'permanent',
    code: 554,
    detail: '6.0',
    text: 'message contains a NUL octet',
    advice: 'Encode binary content before sending (RFC 5322 section 2.3).',
  },
  'syntax-error': {
    class: 'permanent',
    code: 501,
    detail: '5.4',
    text: 'syntax error in parameters',
    advice: 'Correct the client.',
  },
  'command-unknown': {
    class: 'permanent',
    code: 500,
    detail: '5.1',
    text: 'command not recognized',
    advice: 'Correct the client.',
  },
  'command-not-implemented': {
    class: 'permanent',
    code: 502,
    detail: '5.1',
    text: 'command not implemented',
    advice: 'Do without that command.',
  },
  'bad-sequence': {
    class: 'permanent',
    code: 503,
    detail: '5.1',
    text: 'bad sequence of commands',
    advice: 'Correct the client.',
  },
  'parameter-unknown': {
    class: 'permanent',
    code: 555,
    detail: '5.4',
    text: 'parameter not implemented',
    advice: 'Do without that parameter.',
  },
  'mechanism-unknown': {
    class: 'permanent',
    code: 504,
    detail: '5.4',
    text: 'authentication mechanism not implemented',
    advice: 'Use PLAIN or LOGIN over TLS (RFC 4954 section 4).',
  },
  'starttls-required': {
    class: 'permanent',
    code: 530,
    detail: '7.0',
    text: 'must issue a STARTTLS command first',
    advice: 'Switch on TLS for this server (RFC 3207 section 4).',
  },
  'client-certificate-required': {
    class: 'permanent',
    code: 550,
    detail: '7.0',
    text: 'client certificate required or not accepted',
    advice: 'The sending gateway must present the client certificate that both sides agreed on.',
  },
  'tls-failed': {
    class: 'transient',
    code: 454,
    detail: '7.0',
    text: 'TLS not available now',
    advice: 'Try again later.',
  },
  'authentication-required': {
    class: 'permanent',
    code: 530,
    detail: '7.0',
    text: 'authentication required',
    advice: 'Log in before sending (RFC 4954 section 6).',
  },
  'authentication-failed': {
    class: 'permanent',
    code: 535,
    detail: '7.8',
    text: 'authentication credentials invalid',
    advice: 'Check login name and password.',
  },
  'authentication-busy': {
    class: 'transient',
    code: 454,
    detail: '7.0',
    text: 'temporary authentication failure',
    advice: 'Try to log in again in a moment.',
  },
  'authentication-encryption-required': {
    class: 'permanent',
    code: 538,
    detail: '7.11',
    text: 'encryption required for authentication',
    advice: 'Switch on TLS before logging in (RFC 4954 section 4).',
  },

  // ingress: the transaction
  'relay-denied': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'relaying denied',
    advice: 'This gateway takes mail for its own domains, and from its own hosts and logins only.',
  },
  'sender-not-yours': {
    class: 'permanent',
    code: 553,
    detail: '7.1',
    text: 'reverse-path not allowed for this client',
    advice: 'Send with an address of a domain that this login or host may use.',
  },
  'author-not-yours': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'author not allowed for this client',
    advice: 'From must be an address of a domain that this login or host may use.',
  },
  'mailbox-syntax': {
    class: 'permanent',
    code: 553,
    detail: '1.3',
    text: 'mailbox syntax not valid',
    advice: 'Correct the address.',
  },
  'smtputf8-required': {
    class: 'permanent',
    code: 553,
    detail: '6.7',
    text: 'non-ASCII address needs SMTPUTF8',
    advice: 'Send with SMTPUTF8 (RFC 6531 section 3.4).',
  },
  'recipient-unknown': {
    class: 'permanent',
    code: 550,
    detail: '1.1',
    text: 'no such recipient here',
    advice: 'Check the address.',
  },
  'recipient-reserved': {
    class: 'permanent',
    code: 550,
    detail: '1.1',
    text: 'address is reserved',
    advice: 'The names of the domain authorities take no mail (RFC 3183 section 6).',
  },
  'recipient-check-unavailable': {
    class: 'transient',
    code: 451,
    detail: '4.3',
    text: 'recipient cannot be checked now',
    advice: 'Try again later.',
  },
  'too-many-recipients': {
    class: 'transient',
    code: 452,
    detail: '5.3',
    text: 'too many recipients',
    advice: 'Send the rest in another transaction.',
  },
  'recipient-needs-own-transaction': {
    class: 'transient',
    code: 452,
    detail: '5.3',
    text: 'send this recipient in a transaction of its own',
    advice: 'Nothing to do: the sending MTA does this by itself.',
  },
  'message-too-big': {
    class: 'permanent',
    code: 552,
    detail: '3.4',
    text: 'message too big',
    advice: 'Send a smaller message (RFC 1870).',
  },
  'spool-full': {
    class: 'transient',
    code: 452,
    detail: '3.1',
    text: 'insufficient system storage',
    advice: 'Try again later; the operator must free space.',
  },
  'routing-loop': {
    class: 'permanent',
    code: 554,
    detail: '4.6',
    text: 'too many hops',
    advice: 'The operators of the two systems must break the loop.',
  },
  'verdict-timeout': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'message could not be judged in time',
    advice: 'Try again later.',
  },

  // what a message says and holds
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

  // outward: finding and trusting the partner
  'directory-unreachable': {
    class: 'transient',
    code: 451,
    detail: '4.3',
    text: 'certificate directory not reachable',
    advice: 'Waits by itself; the partner must bring its directory back.',
  },
  'dns-failure': {
    class: 'transient',
    code: 451,
    detail: '4.3',
    text: 'DNS lookup failed',
    advice: "Waits by itself; the partner's DNS or the resolver must answer again.",
  },
  'lookup-unavailable': {
    class: 'transient',
    code: 451,
    detail: '4.3',
    text: 'certificate lookup not possible now',
    advice: 'Waits by itself for as long as the rule says.',
  },
  'recipient-certificate-missing': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'no certificate found to encrypt for the recipient',
    advice:
      "The security admin must get the partner's domain certificate, or the partner must publish it.",
  },
  'recipient-certificate-untrusted': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'the certificate found for the recipient is not trusted',
    advice: "The security admin must check the partner's trust anchor.",
  },
  'recipient-certificate-expired': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'the certificate found for the recipient is expired',
    advice: 'The partner must publish a new certificate.',
  },
  'recipient-certificate-mismatch': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: "the certificate found does not stand for the recipient's domain",
    advice:
      "The partner must publish a certificate in its own domain's name (RFC 3183 section 4.1).",
  },
  'agreement-expired': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'the agreement with the partner has expired',
    advice: 'The security admin must renew the agreement.',
  },
  'held-by-policy': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'held by policy',
    advice: 'A security admin must release or drop it.',
  },
  'hold-expired': {
    class: 'permanent',
    code: null,
    detail: '4.7',
    text: 'nobody released the held message in time',
    advice: 'Ask the security admin, then send again.',
  },
  'own-key-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'own key not available',
    advice: 'The security admin must activate a key for this domain.',
  },
  'inner-signature-invalid': {
    class: 'permanent',
    code: 550,
    detail: '7.7',
    text: 'a signature inside the message is not valid',
    advice: 'Send it again with a valid signature, or without one (RFC 3183 section 3.2).',
  },
  'originator-not-authentic': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'originator could not be authenticated',
    advice: 'Log in, or send from a host that the gateway knows.',
  },
  'dropped-by-operator': {
    class: 'permanent',
    code: null,
    detail: '7.1',
    text: 'removed from the queue by an operator',
    advice: 'Ask the mail admin.',
  },

  // egress
  'protected-too-big': {
    class: 'permanent',
    code: 552,
    detail: '3.4',
    text: 'message would be too big for the next hop once protected',
    advice: 'Send a smaller message: protection makes it up to 2.6 times as long.',
  },
  'tls-not-offered': {
    class: 'transient',
    code: null,
    detail: '7.4',
    text: 'the next hop does not offer TLS, which the rule demands',
    advice: 'Waits, then comes back; the partner must switch STARTTLS on.',
  },
  'tls-not-trusted': {
    class: 'transient',
    code: null,
    detail: '7.5',
    text: "the next hop's certificate is not trusted or not in its name",
    advice: 'Waits, then comes back; the partner must correct its certificate.',
  },
  'tls-handshake-failed': {
    class: 'transient',
    code: null,
    detail: '7.5',
    text: 'TLS with the next hop failed',
    advice: 'Waits, then comes back; protocol or cipher do not match.',
  },
  'next-hop-unreachable': {
    class: 'transient',
    code: null,
    detail: '4.1',
    text: 'no answer from the next hop',
    advice: 'Waits, then comes back.',
  },
  'next-hop-deferred': {
    class: 'transient',
    code: null,
    detail: '4.5',
    text: 'the next hop asked to try later',
    advice: 'Waits, then comes back.',
  },
  'next-hop-refused': {
    class: 'permanent',
    code: null,
    detail: '0.0',
    text: 'the next hop refused the message',
    advice: 'The reply of the next hop says why.',
  },
  'next-hop-lost': {
    class: 'transient',
    code: null,
    detail: '4.2',
    text: 'connection to the next hop was lost',
    advice: 'Waits, then comes back.',
  },
  'domain-unknown': {
    class: 'permanent',
    code: null,
    detail: '1.2',
    text: "the recipient's domain does not exist",
    advice: 'Check the address.',
  },
  'null-mx': {
    class: 'permanent',
    code: null,
    detail: '1.10',
    text: "the recipient's domain takes no mail",
    advice: 'Check the address (RFC 7505).',
  },
  'eight-bit-not-offered': {
    class: 'permanent',
    code: null,
    detail: '6.3',
    text: 'the next hop takes 7-bit mail only and the message may not be re-encoded',
    advice: 'The author must send it 7-bit, or the partner must offer 8BITMIME (RFC 6152).',
  },
  'smtputf8-not-offered': {
    class: 'permanent',
    code: null,
    detail: '6.7',
    text: 'the next hop does not take non-ASCII addresses',
    advice: 'Use an ASCII address (RFC 6531).',
  },
  expired: {
    class: 'permanent',
    code: null,
    detail: '4.7',
    text: 'could not be delivered in time',
    advice: 'The last fault that is reported with it says why.',
  },
} as const satisfies Record<string, FaultEntry>;

export type FaultId = keyof typeof FAULTS;

/** The faults that may be said in an SMTP reply. */
export type ReplyFaultId = {
  [Id in FaultId]: (typeof FAULTS)[Id]['code'] extends number ? Id : never;
}[FaultId];

export function isFaultId(text: string): text is FaultId {
  return Object.hasOwn(FAULTS, text);
}
