import {
  type Health,
  type HealthServer,
  type KeyRecord,
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
  /** The token did not serve its last use. */
  readonly isTokenAway: boolean;
}

/** What stops where no key of the class is in use. */
const STOPS = [
  ['domain-signing', 'nothing can be signed'],
  ['domain-confidentiality', 'nothing that partners encrypt can be opened'],
] as const;

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

/** Not well if keys that mail needs cannot be used; without broken ones it is as the operator wants it. */
export function healthOf({ ring, quarantined, isTokenAway }: KeyFacts): Health {
  const left = quarantined.map(({ keyId }) => keyId).slice(0, 10);
  const without = left.length === 0 ? '' : `; left out, see its log: ${left.join(', ')}`;
  if (ring.size === 0) {
    return { ok: false, sentence: `no key is in use: sallyport key list says why${without}` };
  }
  if (isTokenAway) return { ok: false, sentence: 'the token does not serve, so mail waits for it' };
  const inUse = new Set([...ring.values()].flatMap(({ record }) => classInUse(record)));
  const stops = STOPS.filter(([keyClass]) => !inUse.has(keyClass)).map(([, effect]) => effect);
  if (quarantined.length > 0 && stops.length > 0) {
    return { ok: false, sentence: `${stops.join(', ')}${without}` };
  }
  return { ok: true, sentence: `keys loaded: ${ring.size}${without}` };
}

function classInUse({ class: keyClass, state }: KeyRecord): readonly KeyRecord['class'][] {
  return state === 'active' ? [keyClass] : [];
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
