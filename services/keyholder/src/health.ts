import {
  type Health,
  type HealthServer,
  type QuarantinedKey,
  type ShownCertificate,
  serveHealth,
} from '@sallyport/ipc';
import type { Logger, Metrics } from '@sallyport/log';
import type { KeyRing } from './key-folder.ts';

/** What may be told of the keys: nothing of a private key, and of no use of one. */
export interface KeyFacts {
  readonly ring: KeyRing;
  readonly quarantined: readonly QuarantinedKey[];
}

/** Tells how the keyholder is, which keys it has, and their certificates. */
export function serveKeyholderHealth(parts: {
  readonly path: string | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly facts: () => KeyFacts;
}): Promise<HealthServer> {
  const { path, logger, metrics, facts } = parts;
  return serveHealth({
    ...{ path, logger, metrics },
    check: () => healthOf(facts()),
    collect: () => countKeys(metrics, facts()),
    certificates: () => shownOf(facts()),
  });
}

function healthOf({ ring, quarantined }: KeyFacts): Health {
  const left = quarantined.map(({ keyId }) => keyId).slice(0, 10);
  const without = left.length === 0 ? '' : `; left out, see its log: ${left.join(', ')}`;
  if (ring.size === 0) {
    return { ok: false, sentence: `no key is in use: sallyport key list says why${without}` };
  }
  return { ok: true, sentence: `${ring.size} key(s) are loaded${without}` };
}

function countKeys(metrics: Metrics, { ring }: KeyFacts): void {
  const counts = new Map<string, number>();
  for (const { record } of ring.values()) {
    const key = `${record.class} ${record.state}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  metrics.clear('sallyport_keys');
  for (const [key, count] of counts) {
    const [keyClass = '', state = ''] = key.split(' ');
    metrics.set('sallyport_keys', { class: keyClass, state }, count);
  }
}

function shownOf({ ring }: KeyFacts): ShownCertificate[] {
  return [...ring.values()].flatMap(({ record, certificate }) => {
    const { class: kind, keyId: name, state } = record;
    if (certificate === null || kind === 'dkim' || state !== 'active') return [];
    return [{ kind, name, certificate: certificate.toString('base64') }];
  });
}
