import type { Domain, QueueId } from '@sallyport/mail';
import type { Recorder } from './ports.ts';
import type { KeyChange } from './proof.ts';

const MAX_KNOWN = 1_000;

interface Occasion {
  readonly queueId: QueueId;
  readonly domain: Domain;
  readonly rule: string;
}

/** Puts a partner's change of keys on record, once for each certificate and outcome. */
export class KeyChangeLog {
  readonly #recorder: Recorder;
  readonly #known = new Set<string>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** @throws RecorderUnavailable if the event could not be taken. */
  async record(changes: readonly KeyChange[], { queueId, domain, rule }: Occasion): Promise<void> {
    for (const change of changes) {
      const { certificate, direction, outcome, pinned, door } = change;
      const key = `${rule} ${direction} ${outcome} ${certificate.fingerprint}`;
      if (this.#known.has(key)) continue;
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.add(key);
      await this.#recorder.record(
        {
          kind: 'partner-key-changed',
          queueId,
          domain,
          direction,
          outcome,
          ...(door === undefined ? {} : { door }),
          certificate: certificate.fingerprint,
          pinned: pinned.map(({ fingerprint }) => fingerprint).slice(0, 200),
          sentence: sentenceOf(change, domain),
          rule: rule.slice(0, 128),
        },
        false,
      );
    }
  }
}

function sentenceOf({ direction, outcome }: KeyChange, domain: Domain): string {
  const what = direction === 'encrypt' ? 'wants mail encrypted to' : 'signs with';
  return outcome === 'waits'
    ? `${domain} ${what} another certificate than the pinned one; it is not used until an admin compares it with the partner and pins it.`
    : `${domain} ${what} another certificate than the pinned one; it is used, as the rule says.`;
}
