/** Within a sentence; `DKIM key` stays as it is. */
function inSentence(words: string): string {
  return words.replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
}

function daysOf(days: number): string {
  if (days === 0) return 'under a day';
  return days === 1 ? '1 day' : `${days} days`;
}

/** Texts of the pages about keys. */
export const keys = {
  title: 'Keys and certificates',
  intro:
    'The keys that speak for your domains. Each has a life: it is made, gets its certificate, comes into use, and is replaced before the certificate ends.',
  classes: {
    'domain-signing': 'Signing key',
    'domain-confidentiality': 'Encryption key',
    dkim: 'DKIM key',
    statement: 'Statement key',
  },
  purposes: {
    'domain-signing': 'signs what leaves, in the name of the domain',
    'domain-confidentiality': 'opens what partners encrypt to the domain',
    dkim: 'signs what leaves for those who check DKIM',
    statement: 'signs statements of the domain',
  },
  states: {
    generated: 'made, no certificate yet',
    pending: 'ready, not in use yet',
    active: 'in use',
    'decrypt-only': 'opens former mail only',
    retired: 'out of use',
    destroyed: 'destroyed',
  },
  dkimWaits: 'made, not in use yet',
  quarantined: 'left out',
  revoked: 'certificate revoked',
  quarantinedTitle: 'Keys are left out because their files are broken',
  quarantinedRow: (keyId: string, reason: string) => `${keyId}: ${reason}`,
  quarantinedHint: 'Restore the files from a backup, then start the keyholder again.',
  placesOfLife: { next: 'Next', active: 'In use', former: 'Former' },
  nobody: {
    next: 'No successor is being prepared.',
    active: 'No key is in use.',
    former: 'None.',
  },
  until: (date: string, days: number) =>
    days < 0 ? `ended on ${date}` : `until ${date}, ${daysOf(days)} left`,
  takesOver: 'takes over at',
  noCertificate: 'no certificate',
  endsSoon: (days: number) =>
    days < 0
      ? 'The certificate has ended. Partners may refuse what it signs, and may not encrypt to it.'
      : `The certificate ends in ${daysOf(days)}. Start its replacement now: a CA and the DNS take their time.`,
  noneInUse: (words: string) =>
    `No ${inSentence(words)} is in use for this domain. Mail that needs one waits.`,
  replace: 'Replace',
  start: 'Make a key',
  goOn: 'Go on',
  goOnNamed: (keyId: string) => `Go on with ${keyId}`,
  named: (order: string, words: string, domain: string) =>
    `${order}: ${inSentence(words)} of ${domain}`,
  moreFormer: (count: number) => `${count} earlier`,
  destroyedCount: (count: number) => `${count} destroyed`,
  facts: {
    class: 'For',
    domain: 'Domain',
    state: 'State',
    kind: 'Kind',
    place: 'Kept',
    inFile: 'in a sealed file of the gateway',
    onToken: 'on a token:',
    selector: 'DKIM selector',
    created: 'Made',
    planned: 'Takes over',
    activated: 'Last came into use',
    retired: 'Went out of use',
    destroyed: 'Destroyed',
  },
  certificate: {
    title: 'Certificate',
    subject: 'Subject',
    issuer: 'Issued by',
    serial: 'Serial number',
    from: 'Valid from',
    to: 'Valid until',
    fingerprint: 'SHA-256 fingerprint',
    addresses: 'Addresses',
    key: 'Public key',
    signature: 'Signed with',
    keyUsage: 'Key usage',
    extendedKeyUsage: 'Extended key usage',
    crl: 'CRL at',
    ocsp: 'OCSP at',
    pin: 'SHA-256 of the public key',
    faults: 'Not in order',
    any: 'any',
    shortOnly: 'Further fields are not shown now: the process that reads certificates is away.',
    pem: 'As PEM, to send to partners',
  },
  rollover: {
    title: 'Into use, step by step',
    leave: 'You may leave this page and come back: the steps are read off the keys themselves.',
    steps: {
      make: 'Make the key',
      request: 'Download the request',
      certificate: 'Upload the certificate',
      publish: 'Publish it',
      'take-over': 'Let it take over',
      retire: 'Retire the former key',
    },
    states: { done: 'done', open: 'now', later: 'later' },
    made: 'The private key never leaves the gateway.',
    request:
      'Send this request to your CA. It asks for the one name that this key may have. The download is in the audit log, since the key signs the request.',
    download: 'Download the request',
    certificate:
      'Paste what the CA sent: the certificate first, then those of its issuers. Nothing is taken before name, key, strength and path are checked.',
    pem: 'Certificate in PEM',
    file: 'or choose the file',
    anchors: 'Root of the CA in PEM',
    anchorsHint: 'Only for a CA outside. Leave it empty for the CA of this gateway.',
    upload: 'Check and take in',
    publish:
      'Add these lines to the zone, beside those of the key in use. Wait until the world sees them, and until the TTL of the former lines has passed.',
    publishDkim: 'Add this line to the zone before the key signs, or nobody can check it.',
    publishNothing: 'This key adds no lines to the DNS.',
    publishUnknown:
      'Which lines this key adds cannot be read at the moment. Do not let it take over before they are published.',
    check: 'Check what the world sees',
    seen: {
      ok: 'seen',
      missing: 'not seen',
      different: 'something else is seen',
      extra: 'seen beside ours',
      failed: 'not known',
    },
    allSeen: 'The world sees all of these lines.',
    notAllSeen: 'Not all of these lines are seen yet. DNS takes up to the TTL; check again later.',
    line: 'Line',
    status: 'What the world sees',
    takeOver:
      'At the time you choose, this key comes into use and the former one goes out of it. Two days give the DNS and your partners time.',
    takeOverDkim: 'From then on, mail is signed with this key, and the former one rests.',
    planned: 'Planned. The gateway does it by itself at this time:',
    at: 'Time of the take-over (UTC)',
    atFault: 'Give a day and a time, such as 2030-01-31T06:00.',
    plan: 'Plan the take-over',
    change: 'Change the time',
    cancel: 'Take the plan back',
    now: 'Take over now',
    nowHint: 'Use this only if partners already see the new lines, or if the former key is lost.',
    retire:
      'The former key still opens mail that was encrypted to it. Retire it when no such mail can come any more; a retired key can be reopened on the host.',
    retireBeside:
      'The keys in use sign every message together. Retire those that no partner needs any more; the last one stays.',
    beside: 'Also in use:',
    retireOne: (keyId: string) => `Retire ${keyId}`,
    former: 'Former keys that open mail still:',
    finished:
      'Nothing is left to do. Take the lines of former keys out of the DNS when their TTL has passed.',
  },
  make: {
    title: 'Make a successor',
    intro:
      'A new key is made inside the gateway. Nothing changes for mail until it takes over, which you decide later.',
    class: 'What for',
    domain: 'Domain',
    algorithm: 'Kind of key',
    algorithmHint: 'Ask your CA which kinds it certifies. RSA 3072 works everywhere.',
    algorithmFault: 'This kind of key cannot do this.',
    selector: 'DKIM selector',
    selectorHint: 'A name that was not used before, such as s2030. It becomes part of a DNS name.',
    selectorFault: 'Letters, digits and hyphens, 63 at most.',
    submit: 'Make the key',
    ownCa:
      'If the CA of this gateway issues your certificates, make the successor on the host instead: the CA asks for its passphrase there. Then go on here.',
    onToken: 'The key in use is on a token; its successor is made there too.',
  },
  other: {
    title: 'Other steps',
    retire: 'Take it out of use',
    retireHint: 'It opens no mail after that. It can be reopened on the host.',
    back: 'Put it back in use',
    backHint: 'For when its successor turns out to be of no use. The successor goes out of use.',
    host: 'Steps that only the command line on the host does, with the secrets that it needs:',
    destroy: 'Destroy the private key for ever',
    revoke: 'Revoke its certificate, if our own CA issued it',
    reopen: 'Let it open mail again',
  },
  algorithms: {
    'rsa-2048': 'RSA 2048',
    'rsa-3072': 'RSA 3072',
    'rsa-4096': 'RSA 4096',
    'ec-p256': 'EC P-256',
    'ec-p384': 'EC P-384',
    'ec-p521': 'EC P-521',
    ed25519: 'Ed25519',
    x25519: 'X25519',
    'ml-dsa-65': 'ML-DSA-65',
    'ml-dsa-87': 'ML-DSA-87',
    'ml-kem-512': 'ML-KEM-512',
    'ml-kem-768': 'ML-KEM-768',
    'ml-kem-1024': 'ML-KEM-1024',
  },
  refused: 'Nothing was changed.',
} as const;
