import { generateKeyPairSync } from 'node:crypto';
import { open as openFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatPemCertificate, issueCertificate } from '@sallyport/pki';
import { runOk } from '../harness/process.ts';
import { bodyDigest, type MemoryReport, type MemoryTask } from './memory-task.ts';

const TASK = fileURLToPath(new URL('./memory-task.ts', import.meta.url));
const TIMEOUT_MS = 10 * 60_000;
const SMALL_BYTES = 10_240;
const BLOCK_LINES = 1_000;

/** How the message is protected. */
export type MemoryForm = Pick<MemoryTask, 'profile' | 'content'>;

/** What one message took more than one of 10 KB did, outward and inward. */
export interface EngineMemory {
  readonly seal: MemoryReport;
  readonly open: MemoryReport;
  /** True if the body that came out is the one that went in. */
  readonly isSame: boolean;
}

/** Writes a message of plain text with about so many octets. */
export async function writeMessage(path: string, sizeBytes: number): Promise<void> {
  await using file = await openFile(path, 'w');
  await file.write(
    'From: alice@acme.example\r\nTo: bob@bravo.example\r\nSubject: a long one\r\n' +
      'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n',
  );
  for (let written = 0, block = 0; written < sizeBytes; block += 1) {
    const text = linesOf(block).slice(0, Math.max(sizeBytes - written - 2, 0));
    await file.write(text.endsWith('\r\n') ? text : `${text.trimEnd()}\r\n`);
    written += text.length + 2;
  }
}

function linesOf(block: number): string {
  const lines: string[] = [];
  for (let line = 0; line < BLOCK_LINES; line += 1) {
    lines.push(`${block} ${line} The quick brown fox jumps over the lazy dog, and again.\r\n`);
  }
  return lines.join('');
}

/** Makes a key and a certificate that signs and is encrypted to. */
async function writeKey(folder: string): Promise<{ keyFile: string; certificateFile: string }> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const cn = 'domain-signing-authority';
  const der = issueCertificate({
    subject: { cn },
    notBefore: new Date(Date.now() - 86_400_000),
    days: 30,
    emails: [`${cn}@test.example`],
    privateKey,
  });
  const keyFile = join(folder, 'key.pem');
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await writeFile(certificateFile, formatPemCertificate(der));
  return { keyFile, certificateFile };
}

/** Takes one message of that size in each direction, each in a process of its own. */
export async function measureEngine(
  folder: string,
  sizeBytes: number,
  form: MemoryForm,
): Promise<EngineMemory> {
  const at = (name: string): string => join(folder, name);
  const keys = await writeKey(folder);
  await writeMessage(at('small.eml'), SMALL_BYTES);
  await writeMessage(at('large.eml'), sizeBytes);
  const base = { ...form, ...keys };
  const seal = await runTask({
    ...base,
    direction: 'seal',
    small: { input: at('small.eml'), output: at('small.sealed') },
    large: { input: at('large.eml'), output: at('large.sealed') },
  });
  const open = await runTask({
    ...base,
    direction: 'open',
    small: { input: at('small.sealed'), output: at('small.opened') },
    large: { input: at('large.sealed'), output: at('large.opened') },
  });
  const isSame = (await bodyDigest(at('large.eml'))) === (await bodyDigest(at('large.opened')));
  return { seal, open, isSame };
}

async function runTask(task: MemoryTask): Promise<MemoryReport> {
  const options = { timeoutMs: TIMEOUT_MS };
  const output = await runOk(process.execPath, [TASK, JSON.stringify(task)], options);
  return JSON.parse(String(output)) as MemoryReport;
}
