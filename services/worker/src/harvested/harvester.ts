import { readFile } from 'node:fs/promises';
import { ifGone } from '@sallyport/disk';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { BoundedFolder } from '@sallyport/spool';
import { BackgroundLine } from '../shared/background-line.ts';
import type { Recorder } from '../shared/ports.ts';
import type { Harvested } from './harvest.ts';
import {
  formatFile,
  PARTNER_PREFIX,
  parseFile,
  pathOf,
  STRANGER_PREFIX,
  takeIn,
} from './harvested-file.ts';

/** Files kept: strangers push out strangers, never a partner. */
const MAX_FILES = { [PARTNER_PREFIX]: 20_000, [STRANGER_PREFIX]: 500 };
const MAX_KNOWN = 5_000;

/**
 * Writes the certificates that verified mail brings; worker inward is the one process that does.
 * Nobody waits for it: what a crash forgets comes again with the next message.
 */
export class Harvester {
  readonly #folder: string;
  readonly #files: BoundedFolder;
  readonly #clock: Clock;
  readonly #recorder: Recorder;
  readonly #line: BackgroundLine;
  /** The newest certificate of a file, so that the next mail of the same signer costs no reading. */
  readonly #newest = new Map<string, string>();

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
      options.logger.warn('certificate.not-kept', { cause }),
    );
  }

  /** Takes in what a message brought, in the order of the calls; returns at once. */
  harvest(brought: readonly Harvested[]): void {
    for (const one of brought) if (!this.#line.offer(() => this.#takeIn(one))) return;
  }

  async close(): Promise<void> {
    await this.#line.done();
  }

  async #takeIn({ mailbox, rule, certificate, entry }: Harvested): Promise<void> {
    const prefix = rule === 'default' ? STRANGER_PREFIX : PARTNER_PREFIX;
    const path = pathOf(this.#folder, mailbox, prefix);
    if (this.#newest.get(path) === certificate.fingerprint) return;
    const entries = takeIn(
      parseFile(await readFile(path, 'utf8').catch(ifGone(''))),
      entry,
      this.#clock.now(),
    );
    if (entries === null) return;
    for (const gone of await this.#files.write(path, formatFile(mailbox, entries))) {
      this.#newest.delete(gone);
    }
    if (this.#newest.size >= MAX_KNOWN) this.#newest.clear();
    this.#newest.set(path, certificate.fingerprint);
    await this.#recorder.record(
      {
        kind: 'certificate-harvested',
        queueId: entry.queueId,
        domain: mailbox.domain,
        certificate: certificate.fingerprint,
        signingTime: entry.signingTime,
        sentence: `Kept a certificate of ${mailbox.domain} that verified mail brought; it is used only with a path of its own.`,
        rule: rule.slice(0, 128),
      },
      false,
    );
  }
}
