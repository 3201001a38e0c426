import { readEvents } from '@sallyport/audit-log';
import { auditSegments } from '../../services/cli/src/gateway/audit-folder.ts';

/** Milliseconds from the record of the acceptance to that of the next hop's reply. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** What the audit log itself says of how long messages took; null if none was relayed. */
export async function latencyOf(auditFolder: string, since: Date): Promise<Latency | null> {
  const accepted = new Map<string, number>();
  const parents = new Map<string, string>();
  const took: number[] = [];
  for await (const event of readEvents(await auditSegments(auditFolder), { since })) {
    const time = Date.parse(event.time);
    const id = event.queueId ?? '';
    if (event.kind === 'accepted') accepted.set(id, time);
    if (event.kind === 'protected')
      for (const output of outputsOf(event.facts)) parents.set(output, id);
    if (event.kind === 'relayed') {
      const start = accepted.get(parents.get(id) ?? id);
      if (start !== undefined) took.push(time - start);
    }
  }
  took.sort((a, b) => a - b);
  const at = (part: number): number => took[Math.floor((took.length - 1) * part)] ?? 0;
  return took.length === 0 ? null : { p50: at(0.5), p99: at(0.99) };
}

function outputsOf(facts: Readonly<Record<string, unknown>>): string[] {
  const { outputs } = facts;
  if (!Array.isArray(outputs)) return [];
  return outputs.flatMap((one: unknown) =>
    typeof one === 'object' && one !== null && 'id' in one ? [String(one.id)] : [],
  );
}
