import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './files.ts';
import { readSteps } from './read.ts';
import type { PolicyStep } from './step.ts';

/** Names the last step that the audit log has. */
const RECORDED_FILE = 'recorded';

/** Steps that the audit log does not have yet, oldest first: a crash may lie between the two. */
export async function unrecordedSteps(folder: string): Promise<PolicyStep[]> {
  const text = await readFile(join(folder, RECORDED_FILE), 'utf8').catch(() => '0');
  const recorded = /^\d{1,6}$/.test(text.trim()) ? Number.parseInt(text, 10) : 0;
  return (await readSteps(folder)).filter(({ step }) => step > recorded);
}

/** Says that the audit log has every step up to this one. */
export async function markRecorded(folder: string, step: number): Promise<void> {
  await writeDurably(folder, RECORDED_FILE, `${step}\n`, 'replace');
}
