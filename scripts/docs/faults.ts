import { formatHead, formatTable } from './table.ts';

/** One fault as the pages show it. */
export interface FaultRow {
  readonly id: string;
  readonly class: string;
  readonly code: number | null;
  readonly enhanced: string;
  readonly text: string;
  readonly advice: string;
  readonly fates: readonly string[];
  readonly note: string;
}

/** One outage as the page shows it. */
export interface OutageRow {
  readonly outage: string;
  readonly direction: string;
  readonly rule: string;
  readonly fault: string;
  readonly first: string;
  readonly then: string | null;
}

function replyOf(row: FaultRow): string {
  return row.code === null ? 'none' : String(row.code);
}

/** The page of faults. */
export function formatFaults(rows: readonly FaultRow[]): string {
  return [
    ...formatHead('Faults', 'packages/faults'),
    'Every failure that the gateway expects. The same row makes the SMTP reply, the report to the',
    'author (DSN), the audit event and the text for admins.',
    '',
    '- **reply**: the SMTP reply code. `none`: the fault is never said in a reply of ours. It stands',
    '  in reports and in the log only.',
    '- **status**: the enhanced status code (RFC 3463). Where a fault that is temporary ends in a',
    '  return, the report says 5 instead of 4.',
    '- **sentence**: what strangers may read.',
    '- **the message**: what happens to it. The order is the order in which it can happen.',
    '',
    ...formatTable(
      ['fault', 'class', 'reply', 'status', 'sentence', 'what to do', 'the message', 'how'],
      rows.map((row) => [
        `\`${row.id}\``,
        row.class,
        replyOf(row),
        row.enhanced,
        row.text,
        row.advice,
        row.fates.join(', then '),
        row.note,
      ]),
    ),
    '',
  ].join('\n');
}

/** The page of outages: what is broken, and what the message does. */
export function formatOutages(outages: readonly OutageRow[], faults: readonly FaultRow[]): string {
  const rows = outages.map((one) => {
    const fault = faults.find((row) => row.id === one.fault);
    if (fault === undefined) throw new Error(`outage names the unknown fault ${one.fault}`);
    const rule = one.rule === '' ? 'any' : `\`${one.rule}\``;
    return [
      one.outage,
      one.direction,
      rule,
      `\`${one.fault}\``,
      `${fault.code ?? 'none'} ${fault.enhanced}`,
      fault.text,
      one.first,
      one.then ?? '–',
    ];
  });
  return [
    ...formatHead('Outages', 'packages/faults'),
    'What is broken, and what the message does. Where the rule is mandatory, nothing goes out in clear',
    'text, and nothing goes out weaker than the rule.',
    '',
    '- **waits**: outward, the message is in our queue and is tried again. Inward, the reply is 4xx:',
    "  the message is in the partner's queue, and the partner tries again.",
    '- **is held**: policy quarantine. A security admin releases or drops it.',
    '- **is refused**: the reply is 5xx; the message was never ours.',
    '- **comes back**: the author gets a report (DSN) with the sentence. Waiting mail comes back after',
    '  `retry.expiry`, held mail after `hold.expiry`. Held mail from outside does not come back: it is',
    '  removed with a record.',
    '- **goes on signed**: only where the rule says `encrypt: when-possible`. The log has it as',
    '  `lookup-unavailable`, never as "no certificate".',
    '',
    'Mail to everybody else goes on: each fault is of one recipient, and waits for nobody.',
    '',
    ...formatTable(
      ['outage', 'direction', 'rule', 'fault', 'code', 'sentence', 'first it', 'then it'],
      rows.map((row) => row.map((text, index) => (index >= 6 ? fateWords(text) : text))),
    ),
    '',
    'When Redis is down (driver `redis`), no mail is lost and none is refused: jobs are hints only.',
    'The spool is scanned at start and each minute, and missing jobs are made again.',
    '',
  ].join('\n');
}

function fateWords(fate: string): string {
  return fate === 'held' || fate === 'refused' ? `is ${fate}` : fate;
}
