import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import { connectSocket, type KeyRecord, keyholderOperatorProtocol } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { type Clock, parseDomain, rest } from '@sallyport/mail';
import { policyFor } from '@sallyport/policy';
import { readActivePolicy } from '@sallyport/policy-store/read';
import { writeWhole } from './files.ts';
import { readKeyRecords } from './keys.ts';
import { type GatewayLayout, layoutOf } from './layout.ts';
import { statementFields } from './statement-fields.ts';

const LIFETIME_HOURS = 7 * 24;
const RENEW_MS = 24 * 3_600_000;
const LOOK_MS = 60_000;
const CALL_MS = 20_000;

interface Signed {
  /** What the statement was made from. */
  readonly fingerprint: string;
  readonly at: number;
}

/**
 * Keeps the statements of our domains (docs/trial-connect.md) fresh while the gateway runs: signed by
 * the keyholder at the start, once a day, and within a minute of a change of keys or policy. What
 * cannot be signed leaves the statement that is there, which expires by itself.
 */
export async function publishStatements(
  config: GatewayConfig,
  parts: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { logger, clock, signal } = parts;
  const layout = layoutOf(config.gateway);
  const signed = new Map<string, Signed>();
  while (!signal.aborted) {
    try {
      await publishChanged({ config, layout, logger, clock, signed });
    } catch (cause) {
      logger.error('statement.not-published', { cause });
    }
    await rest(clock, LOOK_MS, signal);
  }
}

interface Publisher {
  readonly config: GatewayConfig;
  readonly layout: GatewayLayout;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signed: Map<string, Signed>;
}

async function publishChanged(publisher: Publisher): Promise<void> {
  const { config, layout, logger, clock, signed } = publisher;
  const now = clock.now();
  const { policy } = await readActivePolicy(layout.policy, now);
  const records = await readKeyRecords(layout.keys);
  for (const { name: domain } of config.domains) {
    const key = statementKey(records, domain);
    if (key === undefined) continue;
    const own = policyFor(policy, parseDomain(domain));
    const fields = statementFields({ config, policy: own, records, domain, now });
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([key.keyId, fields]))
      .digest('hex');
    const last = signed.get(domain);
    if (last?.fingerprint === fingerprint && now.getTime() - last.at < RENEW_MS) continue;
    const jws = await signStatement(layout, { keyId: key.keyId, fields });
    await writeWhole(join(layout.statements, `${domain}.jws`), `${jws}\n`, 0o644);
    signed.set(domain, { fingerprint, at: now.getTime() });
    logger.info('statement.published', { domain, keyId: key.keyId });
  }
}

/** The first key in use whose kind has a JWS algorithm. */
function statementKey(records: readonly KeyRecord[], domain: string): KeyRecord | undefined {
  return records.find(
    (record) =>
      record.class === 'domain-signing' &&
      record.domain === domain &&
      record.state === 'active' &&
      !record.algorithm.startsWith('ml-dsa'),
  );
}

async function signStatement(
  layout: GatewayLayout,
  asked: { readonly keyId: string; readonly fields: ReturnType<typeof statementFields> },
): Promise<string> {
  const keyholder = connectSocket({
    path: layout.sockets.keyholderOperator,
    protocol: keyholderOperatorProtocol,
    deadlineMs: CALL_MS,
  });
  try {
    const params = { ...asked, lifetimeHours: LIFETIME_HOURS };
    return (await keyholder.call('signStatement', params)).jws;
  } finally {
    keyholder.close();
  }
}
