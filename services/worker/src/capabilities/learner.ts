import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifGone } from '@sallyport/disk';
import type { Logger } from '@sallyport/log';
import { type Clock, never } from '@sallyport/mail';
import { BoundedFolder } from '@sallyport/spool';
import { BackgroundLine } from '../shared/background-line.ts';
import type { Recorder } from '../shared/ports.ts';
import {
  DEFAULT_PREFIX,
  type Entry,
  formatFile,
  isSame,
  type Outcome,
  PARTNER_PREFIX,
  parseFile,
  pathOf,
  takeIn,
} from './capability-file.ts';
import type { Heard } from './heard.ts';

/** Files kept: strangers push out strangers, never a partner. */
const MAX_FILES = { [PARTNER_PREFIX]: 10_000, [DEFAULT_PREFIX]: 500 } as const;
const MAX_CACHED = 500;
/** A list that only became younger waits so long for others. */
const REFRESH_MS = 5_000;

interface Known {
  readonly place: Heard['place'];
  entries: readonly Entry[];
  /** True if the disk does not have it yet. */
  isDirty: boolean;
}

/**
 * Writes what partners announce (RFC 8551 section 2.7.1); worker inward is the one process that
 * does. Nobody waits for it: mail that a crash makes it forget is heard again with the next.
 */
export class CapabilityLearner {
  readonly #folder: string;
  readonly #files: BoundedFolder;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  readonly #line: BackgroundLine;
  readonly #known = new Map<string, Known>();
  #flushing: AbortController | null = null;

  constructor(options: {
    readonly folder: string;
    readonly clock: Clock;
    readonly recorder: Recorder;
    readonly logger: Logger;
  }) {
    this.#folder = options.folder;
    this.#files = new BoundedFolder(options.folder, MAX_FILES);
    this.#clock = options.clock;
    this.#recorder = options.recorder;
    this.#line = new BackgroundLine((cause) =>
      options.logger.warn('capabilities.not-kept', { cause }),
    );
  }

  /** Takes in what a message announced, in the order of the calls; returns at once. */
  learn(heard: readonly Heard[]): void {
    for (const one of heard) if (!this.#line.offer(() => this.#learnOne(one))) return;
  }

  /** Takes in what was heard so far and puts on disk what is not there yet. */
  async close(): Promise<void> {
    this.#flushing?.abort();
    this.#line.add(() => this.#flush());
    await this.#line.done();
  }

  async #learnOne({ place, entry }: Heard): Promise<void> {
    const path = pathOf(this.#folder, place);
    const known = await this.#load(path, place);
    const taken = takeIn(known.entries, entry, this.#clock.now());
    if (taken.entries !== known.entries) {
      known.entries = taken.entries;
      known.isDirty = true;
    }
    switch (taken.outcome) {
      case 'new':
      case 'changed':
        await this.#write(path, known);
        await this.#recorder.record(
          {
            kind: 'capabilities-learned',
            outcome: taken.outcome,
            ...factsOf(place, entry, taken.outcome),
          },
          false,
        );
        break;
      case 'refreshed':
        this.#flushLater();
        break;
      case 'older':
      case 'in-future':
      case 'too-old':
        // What says nothing else than what is known needs no word.
        if (taken.known !== null && isSame(taken.known, entry)) break;
        await this.#recorder.record(
          {
            kind: 'capabilities-ignored',
            outcome: taken.outcome,
            ...factsOf(place, entry, taken.outcome),
          },
          false,
        );
        break;
      default:
        never(taken.outcome);
    }
  }

  async #load(path: string, place: Heard['place']): Promise<Known> {
    const cached = this.#known.get(path);
    if (cached !== undefined) {
      this.#known.delete(path);
      this.#known.set(path, cached);
      return cached;
    }
    const text = await readFile(path, 'utf8').catch(ifGone(''));
    const known = { place, entries: parseFile(text), isDirty: false };
    this.#known.set(path, known);
    if (this.#known.size > MAX_CACHED) await this.#forgetOldest();
    return known;
  }

  async #forgetOldest(): Promise<void> {
    const [oldest] = this.#known;
    if (oldest === undefined) return;
    const [path, known] = oldest;
    if (known.isDirty) await this.#write(path, known);
    this.#known.delete(path);
  }

  #flushLater(): void {
    if (this.#flushing !== null) return;
    const waiting = new AbortController();
    this.#flushing = waiting;
    sleep(REFRESH_MS, undefined, { signal: waiting.signal, ref: false })
      .then(() => this.#line.add(() => this.#flush()))
      .catch(() => undefined); // the gateway stops, and writes all of it
  }

  async #flush(): Promise<void> {
    this.#flushing = null;
    for (const [path, known] of this.#known) if (known.isDirty) await this.#write(path, known);
  }

  async #write(path: string, known: Known): Promise<void> {
    const gone = await this.#files.write(path, formatFile(known.place, known.entries));
    for (const one of gone) this.#known.delete(one);
    known.isDirty = false;
  }
}

function factsOf({ domain, rule }: Heard['place'], entry: Entry, outcome: Outcome) {
  const { queueId, role, certificate, signingTime, capabilities } = entry;
  const sentence = SENTENCES[outcome](domain);
  return {
    queueId,
    domain,
    role,
    certificate,
    signingTime,
    capabilities,
    sentence,
    rule: rule.slice(0, 128),
  };
}

const SENTENCES: Readonly<Record<Outcome, (domain: string) => string>> = {
  new: (domain) => `Learned what ${domain} can read.`,
  changed: (domain) => `${domain} announces something else than before; it counts from now on.`,
  refreshed: (domain) => `${domain} announces what is known.`,
  older: (domain) => `Not learned for ${domain}: a message that was signed later says otherwise.`,
  'in-future': (domain) => `Not learned for ${domain}: the signing time lies in the future.`,
  'too-old': (domain) => `Not learned for ${domain}: the message was signed too long ago.`,
};
