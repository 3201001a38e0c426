import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CANARY } from './canary.ts';
import { type HandoverResult, handOver } from './mta-client.ts';
import type { GatewayPair } from './pair.ts';
import type { Random } from './random.ts';

const RETRY_MS = 250;
const LONG_BODY_LINES = 3_000;
const LOOK_EVERY_MS = 50;

/** One message of the suite and all that is known of it. Times are of the system clock. */
export interface Sent {
  readonly id: string;
  readonly site: 0 | 1;
  readonly firstTryAt: number;
  acceptedAt: number | null;
  /** Tries that broke after the final dot. */
  unknown: number;
  readonly arrivals: { readonly at: number; readonly file: string }[];
}

export interface SendOptions {
  readonly recipients?: number;
  readonly isLong?: boolean;
}

/** Inner MTAs on both sides: they send, keep what was not taken, and take what comes. */
export class MailFlow {
  readonly sent = new Map<string, Sent>();
  /** What arrived and is none of ours, or is not as it must be. */
  readonly faults: string[] = [];
  readonly #pair: GatewayPair;
  readonly #known = new Set<string>();
  #isFlowing = false;
  #count = 0;
  #flow: Promise<void>[] = [];

  constructor(pair: GatewayPair) {
    this.#pair = pair;
  }

  /** Sends a message from one site to the other, again until a 250 was read. */
  async send(site: 0 | 1, options: SendOptions = {}): Promise<Sent> {
    const { plan } = this.#pair.gateways[site].organisation;
    const partner = this.#pair.gateways[site === 0 ? 1 : 0].organisation.plan;
    this.#count += 1;
    const id = `<${this.#count}.${site}@${plan.domain}>`;
    const from = `sender-${this.#count}@${plan.domain}`;
    const to = Array.from(
      { length: options.recipients ?? 1 },
      (_, at) => `reader-${at}@${partner.domain}`,
    );
    const message = composeMessage({ id, from, to, isLong: options.isLong ?? false });
    const entry: Sent = {
      id,
      site,
      firstTryAt: Date.now(),
      acceptedAt: null,
      unknown: 0,
      arrivals: [],
    };
    this.sent.set(id, entry);
    const handover = { port: plan.relayPort, helo: `mail.${plan.domain}`, from, to, message };
    while (entry.acceptedAt === null) {
      const result = await handOver(handover);
      this.#note(entry, result);
      if (result.kind !== 'accepted') await sleep(RETRY_MS);
    }
    return entry;
  }

  #note(entry: Sent, result: HandoverResult): void {
    if (result.kind === 'accepted') entry.acceptedAt = Date.now();
    if (result.kind === 'unknown') entry.unknown += 1;
    if (result.kind === 'refused' && !result.reply.startsWith('4')) {
      this.faults.push(`${entry.id} was refused: ${result.reply}`);
      entry.acceptedAt = Number.POSITIVE_INFINITY;
    }
  }

  /** Mail from now on, both ways, from some connections at once, until `stop`. */
  start(random: Random, options: { readonly senders: number; readonly restMs: number }): void {
    this.#isFlowing = true;
    for (const site of [0, 1] as const) {
      for (let at = 0; at < options.senders; at += 1) {
        this.#flow.push(this.#sendOn(site, random, options.restMs));
      }
    }
    this.#flow.push(this.#look());
  }

  async #sendOn(site: 0 | 1, random: Random, restMs: number): Promise<void> {
    while (this.#isFlowing) {
      await this.send(site, {
        recipients: random.next() < 0.2 ? 2 : 1,
        isLong: random.next() < 0.1,
      });
      await sleep(random.between(0, restMs * 2));
    }
  }

  async #look(): Promise<void> {
    while (this.#isFlowing) {
      await this.collect();
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** No new messages; resolves when each begun one was accepted. */
  async stop(): Promise<void> {
    this.#isFlowing = false;
    await Promise.all(this.#flow);
    this.#flow = [];
  }

  /** Takes note of what has arrived at both inner MTAs. */
  async collect(): Promise<void> {
    for (const site of [0, 1] as const) {
      const folder = this.#pair.mailboxes[site];
      for (const name of await readdir(folder)) {
        const file = join(folder, name);
        if (!name.endsWith('.eml') || this.#known.has(file)) continue;
        this.#known.add(file);
        await this.#arrived(site, file);
      }
    }
  }

  async #arrived(site: 0 | 1, file: string): Promise<void> {
    const text = await readFile(file, 'latin1');
    const header = text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
    const id = /^Message-ID: *(.*)$/im.exec(header)?.[1]?.trim() ?? '';
    const entry = this.sent.get(id);
    if (entry === undefined || entry.site === site) {
      this.faults.push(`${file}: not one of ours: ${header.slice(0, 600)}`);
      return;
    }
    entry.arrivals.push({ at: (await stat(file)).mtimeMs, file });
    const verdict = /^X-Sallyport-Verdict: (.*)$/im.exec(header)?.[1] ?? '';
    if (!/signature=valid; signatureType=domain;.*mapping=ok; encryption=domain/.test(verdict)) {
      this.faults.push(`${id}: verdict ${verdict}`);
    }
    if (!text.includes(`${CANARY} ${id}\r\n`) || !text.endsWith(`end of ${id}\r\n`)) {
      this.faults.push(`${id}: the body is not whole`);
    }
  }

  /** Messages that were accepted and have not arrived. */
  missing(): Sent[] {
    return [...this.sent.values()].filter((one) => one.arrivals.length === 0);
  }
}

function composeMessage(message: {
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly isLong: boolean;
}): Buffer {
  const lines = [
    `From: ${message.from}`,
    `To: ${message.to.join(', ')}`,
    'Subject: flow',
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${message.id}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `${CANARY} ${message.id}`,
  ];
  // Longer than one chunk of the spool.
  for (let at = 0; message.isLong && at < LONG_BODY_LINES; at += 1) {
    lines.push(`line ${at} of many: ${CANARY}`);
  }
  lines.push(`end of ${message.id}`, '');
  return Buffer.from(lines.join('\r\n'));
}
