/** Texts of the pages about the audit log. */
export const audit = {
  title: 'Audit',
  search: 'Search the audit log',
  find: 'Search',
  kind: 'Event',
  anyKind: 'Any',
  queueId: 'Queue id',
  address: 'Address',
  domain: 'Domain',
  text: 'Words',
  by: 'By whom',
  since: 'From (UTC)',
  until: 'Until (UTC)',
  badSearch: 'A time or an event of the search cannot be read; it was left out.',
  caption: 'Events, the newest first',
  empty: 'No event is as asked for.',
  number: 'Number',
  time: 'Time',
  message: 'Message',
  says: 'Says',
  head: 'The log',
  keyFingerprint: 'Log key, SHA-256',
  keyNone: 'The public key of the log cannot be read in its folder.',
  size: 'Events under the last head',
  root: 'Root',
  headTime: 'Head signed at',
  signed: 'signed by this key',
  notSigned: 'not signed by this key',
  noHead: 'Nothing was recorded yet.',
  damage: (segment: string, line: number) =>
    `The log is not in order from ${segment}, line ${line} on. Keep a copy of the audit folder and run: sallyport audit verify`,
  checkpoint: 'Download this head as a checkpoint',
  guide: "The auditor's guide",
  export: 'Export with proofs',
  event: (index: number) => `Event ${index}`,
  facts: 'What is recorded',
  personal: 'Personal fields',
  personalHint:
    'They stand in the leaf as salted hashes only; salt and value lie beside it and can be withheld or erased.',
  withheld: 'withheld or erased',
  leaf: 'Leaf',
  leafHint: 'The exact text that is hashed.',
  proof: 'Proof',
  proofHint:
    'The leaf, its personal values, the way to the root and the signed head, in one file: enough to prove the event without this server.',
  download: 'Download the proof',
  proofMissing: {
    unknown: 'There is no such event under a signed head.',
    removed: 'Retention removed this event; of its segment only the root is left.',
    contradicted:
      'The event does not lead to the signed root: the log was touched. Keep a copy of the audit folder and run: sallyport audit verify',
  },
  history: 'All that happened to this message',
  exportTitle: 'Export events with proofs',
  exportWhat: 'What to export',
  exportIntro:
    'You get one archive: the events that you ask for, to be read; the same events with what proves each of them under the signed head; and how to check that offline. That you took them is put on record first.',
  format: 'To be read as',
  formats: { csv: 'CSV, for a spreadsheet', json: 'JSON, one event a line' },
  withhold: 'Withhold personal fields',
  withholdHint: 'Addresses, logins and names stay hashes; every proof still holds.',
  exportNow: 'Export',
  badExport: 'A time or an event cannot be read; nothing was exported.',
  exportRefused: {
    'nothing-found': 'No event is as asked for, so there is nothing to export.',
    'empty-log': 'Nothing was recorded yet.',
    'too-many': 'That is over 100,000 events: choose a shorter time.',
    contradicted:
      'The log does not lead to its signed root: it was touched. Keep a copy of the audit folder and run: sallyport audit verify',
    removed: 'Retention removed what is asked for.',
    'no-key': 'The public key of the log cannot be read in its folder.',
    'busy-own': 'An export of yours is still under way: wait until it has ended.',
    'busy-others': 'Others are taking exports at the moment: try again in a minute.',
    'index-behind':
      'The log is still being read, so some events would be missing: try again in a few minutes.',
  },
} as const;

/** The auditor's guide in short; the whole of it is docs/auditor-guide.md. */
export const auditorGuide = {
  title: "The auditor's guide",
  intro:
    'What was signed, with which key, under which rule, and has anyone touched the log? This page says how to answer without trusting this server.',
  needs: 'What you need',
  needList: [
    'A copy of the folder audit of the data folder, or an export from here.',
    "The fingerprint of the log's public key, from somebody other than the admin of this server.",
    'A checkpoint: a signed head that was kept elsewhere, the newer the better.',
    'The program sallyport on a machine of your own.',
  ],
  verify: 'Verify the log',
  verifyWords:
    'It finds any edit, deletion, reordering or replay and names the first damaged place. An end that was cut off at a signed head is found only with a checkpoint.',
  keep: 'Keep a checkpoint',
  keepWords:
    'Do that often, and keep it where the admin of this server cannot change it. The page Audit offers the present one as a download.',
  prove: 'Prove one event',
  proveWords:
    'The page of each event has its proof as a file. On the command line, out of a copy of the log:',
  read: 'Read the log',
  questions: 'Questions, and the events that answer them',
  questionsCaption: 'Questions and their events',
  question: 'Question',
  events: 'Events',
  table: [
    ['What was signed, with which key?', 'key-intent key-outcome protected'],
    ['Who was the originator, and how was that known?', 'accepted'],
    ['Under which rule did it go?', 'decided protected'],
    [
      'Who changed that rule, and who approved it?',
      'policy-proposed policy-approved policy-activated',
    ],
    ['What was opened, and what was found?', 'opened'],
    ['Over which TLS did it go?', 'relayed'],
    [
      'Why was it held, who looked at it, and who released it?',
      'held held-message-viewed released',
    ],
    [
      'Who came into the console, and what did they change?',
      'console-signed-in account-changed token-changed',
    ],
    ['Who exported the log?', 'audit-exported'],
  ],
  commands: {
    verify: 'npx --no sallyport audit verify audit --key log-key.pub.pem --against checkpoint.json',
    keep: 'npx --no sallyport audit verify audit --save-checkpoint checkpoint.json',
    prove: 'npx --no sallyport audit prove ID audit',
    read: 'npx --no sallyport audit list audit --kind key-intent --kind key-outcome',
  },
} as const;
