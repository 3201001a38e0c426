import type { FaultEntry } from './entry.ts';

/** Faults: outward: finding and trusting the partner. */
export const PARTNER_FAULTS = {
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
  'revocation-unavailable': {
    class: 'transient',
    code: 451,
    detail: '4.3',
    text: 'whether a certificate is revoked cannot be found out now',
    advice: "Waits by itself; the CA's revocation lists or responder must be reachable again.",
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
  'recipient-certificate-revoked': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'the certificate found for the recipient is revoked',
    advice: 'The partner must publish a new certificate.',
  },
  'recipient-certificate-unfit': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'the certificate found for the recipient is not what was agreed',
    advice:
      'The log names the field of `trust.certificates` that it does not meet; the two security admins must agree.',
  },
  'partner-key-changed': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: 'the certificate of the recipient changed and waits for approval',
    advice:
      'The security admin must compare the new certificate with the partner and pin it, or drop the message.',
  },
  'recipient-certificate-mismatch': {
    class: 'permanent',
    code: 550,
    detail: '7.5',
    text: "the certificate found does not stand for the recipient's domain",
    advice:
      "The partner must publish a certificate in its own domain's name (RFC 3183 section 4.1).",
  },
  'no-common-algorithm': {
    class: 'permanent',
    code: 550,
    detail: '7.6',
    text: 'no encryption that the rule allows fits the recipient',
    advice:
      'The two security admins must agree on an algorithm; `partner simulate` tells what was found and why it does not do.',
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
    advice: 'The security admin must activate a key for this domain, or see to its token.',
  },
  'inner-signature-invalid': {
    class: 'permanent',
    code: 550,
    detail: '7.7',
    text: 'a signature inside the message is not valid',
    advice: 'Send it again with a valid signature, or without one (RFC 3183 section 3.2).',
  },
  'review-required': {
    class: 'permanent',
    code: 550,
    detail: '7.1',
    text: 'a valid review signature is required before release',
    advice: 'Have the message reviewed and signed by the review authority (RFC 3183 section 3.4).',
  },
  'list-attributes-unusable': {
    class: 'permanent',
    code: 550,
    detail: '7.0',
    text: 'signed attributes of a mail list cannot be carried on',
    advice:
      'The operator of the mail list must correct its signed attributes (RFC 2634 section 4.1), or send without them.',
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
} as const satisfies Record<string, FaultEntry>;
