import type { Logger, MetricServer, Metrics } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { PolicyReader, PolicyUnavailable } from '@sallyport/policy-store/read';
import type { Collector } from './collect.ts';
import { type End, endsOfCrl, endsOfPolicy, endsOfShown } from './ends.ts';

interface Sources {
  readonly collector: Pick<Collector, 'certificates'>;
  readonly roles: readonly MetricServer[];
  readonly policyFolder: string;
  readonly crlFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Everything that ends, as far as it is known: who does not answer now is believed to be as before. */
export class KnownEnds {
  readonly #sources: Sources;
  readonly #policy: PolicyReader;
  readonly #byRole = new Map<MetricServer, readonly End[]>();
  #ofPolicy: readonly End[] | null = null;
  #ofCrl: readonly End[] | null = null;

  constructor(sources: Sources) {
    this.#sources = sources;
    this.#policy = new PolicyReader(sources.policyFolder, sources.clock);
  }

  /** Looks again. */
  async look(): Promise<readonly End[]> {
    const { collector, crlFile, logger } = this.#sources;
    for (const [role, shown] of await collector.certificates()) {
      this.#byRole.set(role, endsOfShown(role, shown));
    }
    try {
      this.#ofPolicy = endsOfPolicy((await this.#policy.current()).policy);
    } catch (cause) {
      // Before the first policy there is none; later its readers hold mail back, and say so.
      if (cause instanceof PolicyUnavailable) logger.info('policy.unavailable', { cause });
      else logger.error('policy.unreadable', { cause });
    }
    try {
      this.#ofCrl = await endsOfCrl(crlFile);
    } catch (cause) {
      logger.error('crl.unreadable', { cause });
    }
    return [
      ...[...this.#byRole.values()].flat(),
      ...(this.#ofPolicy ?? []),
      ...(this.#ofCrl ?? []),
    ];
  }

  /** True for what could not be looked at since the monitor began. */
  isUnknown(id: string): boolean {
    const [kind = '', second = ''] = id.split(' ', 2);
    if (OF_POLICY.has(kind)) return this.#ofPolicy === null;
    if (kind === 'crl') return this.#ofCrl === null;
    return this.#sources.roles.some((role) => role === second && !this.#byRole.has(role));
  }
}

const OF_POLICY: ReadonlySet<string> = new Set(['agreement', 'exception', 'partner', 'anchor']);

/** Puts the first end of each kind into the gauges. */
export function measureEnds(metrics: Metrics, ends: readonly End[], now: Date): void {
  const first = new Map<End['kind'], number>();
  for (const { kind, at } of ends) {
    const left = (at.getTime() - now.getTime()) / 1_000;
    first.set(kind, Math.min(left, first.get(kind) ?? Number.POSITIVE_INFINITY));
  }
  metrics.clear('sallyport_certificate_expiry_seconds');
  metrics.clear('sallyport_agreement_expiry_seconds');
  metrics.clear('sallyport_crl_expiry_seconds');
  for (const [kind, left] of first) {
    if (kind === 'agreement') metrics.set('sallyport_agreement_expiry_seconds', {}, left);
    else if (kind === 'crl') metrics.set('sallyport_crl_expiry_seconds', {}, left);
    else if (kind !== 'exception') {
      metrics.set('sallyport_certificate_expiry_seconds', { kind }, left);
    }
  }
}
