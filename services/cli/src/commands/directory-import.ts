import { systemClock } from '@sallyport/mail';
import type { UserCertificateWriter } from '@sallyport/published';
import { admitCertificate } from '../directory/admit.ts';
import { certificatesIn, type Found } from '../directory/sources.ts';
import { openWriter } from './directory.ts';
import { openGateway } from './gateway-access.ts';
import { note, print, printJson } from './output.ts';

const PROGRESS_EVERY_MS = 2_000;
const MAX_NOTES = 20;

interface Counts {
  read: number;
  added: number;
  replaced: number;
  known: number;
  older: number;
  readonly refused: Record<string, number>;
}

/**
 * Takes users' certificates of an existing PKI into the directory. Killed at any moment it can be
 * run again: what it has on disk is known then.
 */
export async function runDirectoryImport(
  paths: readonly string[],
  options: { readonly config: string; readonly json?: boolean },
): Promise<number> {
  const { config, layout } = await openGateway(options.config);
  const by = {
    domains: new Set<string>(config.domains.map(({ name }) => name)),
    now: systemClock.now(),
  };
  const counts: Counts = { read: 0, added: 0, replaced: 0, known: 0, older: 0, refused: {} };
  await using writer = await openWriter(layout);
  let toldAt = performance.now();
  for (const path of paths) {
    for await (const found of certificatesIn(path)) {
      await take(found, { by, counts, writer });
      if (performance.now() - toldAt < PROGRESS_EVERY_MS) continue;
      toldAt = performance.now();
      note(`${counts.read} read, ${counts.added + counts.replaced} taken …`);
    }
  }
  await writer.flush();
  tell(counts, options.json === true);
  return 0;
}

async function take(
  found: Found,
  to: {
    readonly by: Parameters<typeof admitCertificate>[1];
    readonly counts: Counts;
    readonly writer: UserCertificateWriter;
  },
): Promise<void> {
  const { by, counts, writer } = to;
  counts.read += 1;
  const admission =
    found.kind === 'certificate'
      ? admitCertificate(found.der, by)
      : ({ kind: 'refused', refusal: 'malformed', reason: found.reason } as const);
  if (admission.kind === 'admitted') {
    counts[await writer.add(admission.certificate)] += 1;
    return;
  }
  const { refusal, reason } = admission;
  counts.refused[refusal] = (counts.refused[refusal] ?? 0) + 1;
  const refusals = Object.values(counts.refused).reduce((sum, one) => sum + one, 0);
  if (refusals <= MAX_NOTES) note(`Not taken (${refusal}): ${found.place}: ${reason}.`);
  if (refusals === MAX_NOTES) note('More that are not taken are only counted.');
}

function tell(counts: Counts, json: boolean): void {
  if (json) {
    printJson(counts);
    return;
  }
  const { read, added, replaced, known, older, refused } = counts;
  print(`${read} certificates read: ${added} added, ${replaced} in place of older ones,`);
  print(`${known} there already, ${older} older than the one there.`);
  for (const [refusal, count] of Object.entries(refused)) {
    print(`Not taken, ${refusal}: ${count}`);
  }
}
