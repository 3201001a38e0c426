/** Texts of the sheet for a partner. */
export const partnerSheet = {
  title: (ours: string, theirs: string) => `Secure mail between ${ours} and ${theirs}`,
  made: (gateway: string, time: string, version: number) =>
    `Made by ${gateway} at ${time}, from policy version ${version}.`,
  compare:
    'Compare the fingerprints below with us by telephone or face to face before you use the certificates.',
  ourDomains: 'Our domains',
  gateway: 'Our gateway',
  addressesTitle: 'Addresses',
  addresses: (domain: string) => [
    `domain-confidentiality-authority@${domain}: encrypt to this certificate`,
    `domain-signing-authority@${domain}: our signatures bear this name`,
    `postmaster@${domain}: people`,
  ],
  certificatesTitle: 'Our certificates',
  issuedBy: (issuer: string) =>
    `Issued by ${issuer}. Pin the certificates below, or ask us for the certificate of that issuer.`,
  noCertificates: 'None is known at the moment; ask us.',
  demandsTitle: 'What we ask of mail from you',
  demands: {
    signature: 'Signature',
    encryption: 'Encryption',
    tls: 'TLS when you connect to us',
    clientName: 'Name in your client certificate',
    otherwise: 'Otherwise it is',
  },
  offersTitle: 'What you get from us',
  offers: {
    sign: 'Signature',
    profile: 'Form',
    encrypt: 'Encryption',
    tls: 'TLS level towards your servers',
    match: 'Names that your server certificate must carry',
  },
  contactTitle: 'Agreement and contact',
  dnsTitle: 'What we publish in the DNS',
  dnsNone: 'Not known at the moment.',
  testTitle: 'How to test, with OpenSSL',
  tests: {
    fetch: 'Save our encryption certificate above as theirs.pem and look at it:',
    encrypt: 'Encrypt and sign a test message to us:',
    tls: 'Look at our TLS:',
    verify: 'Verify a message of ours (anchors.pem is the issuer of our certificates):',
  },
} as const;
