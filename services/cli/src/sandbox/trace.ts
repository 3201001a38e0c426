import { readFile } from 'node:fs/promises';
import { type RecordedEvent, readEvents } from '@sallyport/audit-log';
import { auditSegments } from '../gateway/audit-folder.ts';
import type { Organisation } from './organisation.ts';

/** One step of a message's way, in plain words. */
export interface TraceLine {
  /** Of the event. */
  readonly kind: string;
  readonly ok: boolean;
  readonly text: string;
}

type Write = (event: RecordedEvent, who: string) => Omit<TraceLine, 'kind'>;

function text(event: RecordedEvent, name: string): string {
  const value = event.facts[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function tlsOf(event: RecordedEvent): string {
  const tls = event.facts['tls'];
  if (typeof tls !== 'object' || tls === null || !('version' in tls)) return 'without TLS';
  return `over ${String(tls.version)}`;
}

const SENTENCES: Readonly<Record<string, Write>> = {
  accepted: (event, who) => {
    const inward = text(event, 'origin') === 'inward';
    const from = inward ? `from the partner ${tlsOf(event)}` : 'from its inner MTA';
    return { ok: true, text: `${who} takes the message ${from} and has it on disk.` };
  },
  decided: (event, who) => {
    const ok = ['protect', 'sign-only', 'pass'].includes(text(event, 'decision'));
    const by = `rule ${text(event, 'rule')}, policy version ${text(event, 'policyVersion')}`;
    return { ok, text: `${who} decides by ${by}: ${text(event, 'sentence')}` };
  },
  'key-outcome': (event, who) => {
    const ok = text(event, 'outcome') === 'done';
    const use =
      text(event, 'operation') === 'sign'
        ? 'signs for the domain with'
        : 'opens the content key with';
    return {
      ok,
      text: `${who}: the keyholder ${use} ${text(event, 'keyId')}, recorded before and after.`,
    };
  },
  relayed: (event, who) => {
    const mx = text(event, 'mx') || text(event, 'destination');
    return {
      ok: true,
      text: `${who} hands it to ${mx} ${tlsOf(event)}; reply: ${text(event, 'reply')}`,
    };
  },
  opened: (event, who) => {
    const verdict = event.facts['verdict'];
    const reason =
      typeof verdict === 'object' && verdict !== null && 'reason' in verdict
        ? String(verdict.reason)
        : '';
    return { ok: true, text: `${who} finds: ${reason} ${text(event, 'sentence')}` };
  },
  refused: (event, who) => ({
    ok: false,
    text: `${who} refuses it: ${text(event, 'fault')} ${text(event, 'sentence')}`,
  }),
  deferred: (event, who) => ({
    ok: false,
    text: `${who} waits: ${text(event, 'fault')} ${text(event, 'sentence')}`,
  }),
  failed: (event, who) => ({ ok: false, text: `${who} fails: ${text(event, 'fault')}` }),
  held: (_event, who) => ({ ok: false, text: `${who} keeps it until somebody decides.` }),
};

/** What an organisation's audit log says of what happened since `since`. */
export async function traceOf(organisation: Organisation, since: Date): Promise<TraceLine[]> {
  const { layout, plan } = organisation;
  const lines: TraceLine[] = [];
  for await (const event of readEvents(await auditSegments(layout.audit), { since })) {
    const line = SENTENCES[event.kind]?.(event, plan.title);
    if (line !== undefined) lines.push({ kind: event.kind, ...line });
  }
  return lines;
}

/** The verdict field that the inner recipient sees, unfolded; null if it is not there. */
export async function verdictField(file: string): Promise<string | null> {
  const message = await readFile(file, 'latin1');
  const header = message.slice(0, message.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  return /^X-Sallyport-Verdict: (.*)$/im.exec(header)?.[1] ?? null;
}
