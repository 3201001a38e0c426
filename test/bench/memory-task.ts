/**
 * One direction of the engine in a process of its own, so that its peak memory is that of one
 * message. Prints one JSON object. Its one argument is the task as JSON.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { open as openFile, stat } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  assembleMessage,
  domainEncrypt,
  domainSign,
  openLayers,
  outerHeader,
} from '@sallyport/domsec';
import type { Content, RangedContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, type Entity, readEntity } from '@sallyport/mime';
import { type Certificate, validatePath } from '@sallyport/pki';
import { readCertificates, readKeyPairs } from '../../services/cli/src/message/key-file.ts';
import { offlineSigner } from '../../services/cli/src/message/signer.ts';
import { offlineKeyring } from '../../services/cli/src/message/unwrapper.ts';

export interface MemoryTask {
  readonly direction: 'seal' | 'open';
  readonly profile: 'compat' | 'domsec';
  readonly content: 'aes256-cbc' | 'aes256-gcm';
  readonly keyFile: string;
  readonly certificateFile: string;
  /** A message, and a larger one: what is told is how much more the larger one took. */
  readonly small: { readonly input: string; readonly output: string };
  readonly large: { readonly input: string; readonly output: string };
}

export interface MemoryReport {
  readonly smallPeakBytes: number;
  readonly largePeakBytes: number;
  /** Longest time that the event loop was held by the large message. */
  readonly longestHoldMs: number;
  readonly seconds: number;
}

const CHUNK_BYTES = 64 * 1024;
const LIMITS = {
  mime: DEFAULT_MIME_LIMITS,
  cms: { maxBytes: 2 ** 31, maxSigners: 16, maxRecipients: 64, maxCertificates: 64 },
  depth: 8,
};

/** A file as content that can be entered anywhere, as the spool's are. */
async function fileContent(path: string): Promise<RangedContent> {
  const { size } = await stat(path);
  return {
    sizeBytes: size,
    open: () => readFrom(path, 0, size),
    openRange: (start, length) => readFrom(path, start, start + length),
  };
}

async function* readFrom(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  await using file = await openFile(path, 'r');
  for (let at = start; at < end; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function writeTo(path: string, content: Content): Promise<void> {
  await using file = await openFile(path, 'w');
  for await (const chunk of content.open()) await file.write(chunk);
}

/** SHA-256 of the body of a message in a file. */
export async function bodyDigest(path: string): Promise<string> {
  const { body } = await entityOf(path);
  const hash = createHash('sha256');
  for await (const chunk of body.open()) hash.update(chunk);
  return hash.digest('hex');
}

async function entityOf(path: string): Promise<Entity> {
  const read = await readEntity(await fileContent(path), LIMITS.mime);
  if (read.kind === 'malformed') throw new Error(read.reason);
  return read.value;
}

async function keysOf(task: MemoryTask) {
  const [certificate] = await readCertificates(task.certificateFile);
  if (certificate === undefined) throw new Error('no certificate');
  const pairs = await readKeyPairs(task.keyFile, [certificate]);
  return { certificate, pairs };
}

async function seal(task: MemoryTask, files: MemoryTask['small']): Promise<void> {
  const { certificate, pairs } = await keysOf(task);
  const [pair] = pairs;
  if (pair === undefined) throw new Error('no key');
  const time = new Date();
  const signer = offlineSigner({ certificate, privateKey: pair.privateKey, chain: [], time });
  const message = await entityOf(files.input);
  const { profile, content } = task;
  const signed = await domainSign(message, signer, {
    profile,
    protectHeaders: true,
    limits: LIMITS.mime,
  });
  const to = recipientOf(certificate, time);
  const sealed = await domainEncrypt(signed, to, { content, keyTransport: 'rsa-oaep' });
  await writeTo(files.output, assembleMessage(outerHeader(message), sealed));
}

function recipientOf(certificate: Certificate, time: Date) {
  const found = validatePath({
    leaf: certificate,
    intermediates: [],
    anchors: [certificate],
    time,
    purpose: 'email-encrypt',
  });
  if (found.kind !== 'valid') throw new Error(found.reason);
  return found.certificate;
}

async function open(task: MemoryTask, files: MemoryTask['small']): Promise<void> {
  const { pairs } = await keysOf(task);
  const read = await openLayers(await fileContent(files.input), {
    ...offlineKeyring(pairs),
    mayOpen: async () => true,
    knownCertificates: [],
    limits: LIMITS,
  });
  if (read.kind === 'malformed') throw new Error(read.reason);
  const signed = read.message.layers.find((layer) => layer.kind === 'signed');
  const [signer] = signed?.signers ?? [];
  if (signer?.check.kind !== 'valid') throw new Error(JSON.stringify(read.message.layers));
  await writeTo(files.output, read.message.content.content);
}

/** Forgets the peak so far; `proc(5)`. */
function forgetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

function peakBytes(): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}

const WARM_UPS = 3;

async function main(task: MemoryTask): Promise<MemoryReport> {
  const act = task.direction === 'seal' ? seal : open;
  for (let round = 0; round < WARM_UPS; round += 1) await act(task, task.small);
  forgetPeak();
  await act(task, task.small);
  const smallPeakBytes = peakBytes();
  forgetPeak();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const started = performance.now();
  await act(task, task.large);
  const seconds = (performance.now() - started) / 1_000;
  delay.disable();
  const largePeakBytes = peakBytes();
  return { smallPeakBytes, largePeakBytes, longestHoldMs: delay.max / 1e6, seconds };
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2] ?? '{}') as MemoryTask;
  process.stdout.write(JSON.stringify(await main(task)));
}
