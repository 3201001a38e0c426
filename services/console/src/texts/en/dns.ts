/** Texts of the page about DNS. */
export const dns = {
  title: 'DNS',
  intro:
    'What your zone must say so that partners find the gateway, its directory and its certificates.',
  domain: 'Domain',
  show: 'Show',
  publish: 'What to publish',
  publishHint:
    'Copy the whole block into the zone file. SMIMEA and TLSA count for partners only in a zone signed with DNSSEC.',
  planned: (keyId: string) => `for ${keyId}, which is planned to take over`,
  world: 'What the world sees',
  worldHint: 'Asked just now, through the resolver of the gateway.',
  check: 'Check now',
  checkHint: 'The check asks the DNS for each of these lines. It takes a few seconds.',
  allSeen: (count: number) => `The world sees all ${count} lines as they should be.`,
  wrong: (wrong: number, count: number) =>
    `${wrong} of ${count} lines are not seen as they should be.`,
  unknown: (unknown: number, count: number) =>
    `Of ${unknown} of ${count} lines nothing is known: the DNS did not answer.`,
  status: {
    ok: 'as it should be',
    missing: 'missing',
    different: 'different',
    extra: 'not ours',
    failed: 'not known',
  },
  explain: {
    ok: '',
    missing:
      'The world does not see this line. Add it; if you have, wait until the TTL has passed and check again.',
    different:
      'Something else stands here. Most often it is the line of a former key or setting: replace it.',
    extra:
      'This line stands beside ours and is not needed. It may belong to a former key: take it away when its TTL has passed since the take-over.',
    failed:
      'The DNS did not answer, so nothing can be said. Look at the name servers of the zone, then check again.',
  },
  dnssec: { secure: 'signed', insecure: 'not signed', unknown: 'not known' },
  needsDnssec:
    'Partners take this line only under DNSSEC, and it is not signed. Sign the zone, or leave such lines out.',
  dnssecUnknown:
    'Whether DNSSEC holds is not known: the config does not say that its resolver is trusted (dns.trusted).',
  columns: {
    status: 'State',
    type: 'Type',
    name: 'Name',
    should: 'Should be',
    seen: 'Seen',
    why: 'Why',
    dnssec: 'DNSSEC',
  },
  unanswered:
    'The DNS was not heard in time, so nothing can be said. Look at the resolver of the gateway, then check again.',
  unchecked: 'Some lines are too long to be checked here; check them with dig.',
  web: 'To serve on a web server',
  webHint: 'The gateway does not serve these files. Put each at its address.',
  none: 'Nothing is to be published.',
} as const;
