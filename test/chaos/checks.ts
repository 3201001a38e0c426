import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_KEY_FILE, readEvents, verifyLog } from '@sallyport/audit-log';
import { auditSegments } from '../../services/cli/src/gateway/audit-folder.ts';
import { filesWithCanary } from './canary.ts';
import type { RunningGateway } from './gateway.ts';
import type { GatewayPair } from './pair.ts';

/** The audit log verifies from its first line to its last. @returns how many events it holds. */
export async function assertLogVerifies(gateway: RunningGateway): Promise<number> {
  const { audit } = gateway.organisation.layout;
  const key = createPublicKey(await readFile(join(audit, LOG_KEY_FILE), 'utf8'));
  const verdict = await verifyLog(await auditSegments(audit), key);
  assert.equal(verdict.kind, 'ok', JSON.stringify(verdict));
  return verdict.kind === 'ok' ? verdict.size : 0;
}

/** What the log says of the uses of keys. */
export interface KeyUses {
  readonly intents: number;
  /** Closed by the recorder's start: nobody knows whether the key was used. */
  readonly unknown: number;
}

/** Each use of a key that was begun has its outcome in the log, be it `unknown`. */
export async function assertIntentsClosed(gateway: RunningGateway): Promise<KeyUses> {
  const open = new Map<number, string>();
  let intents = 0;
  let unknown = 0;
  for await (const event of readEvents(await auditSegments(gateway.organisation.layout.audit))) {
    if (event.kind === 'key-intent') {
      intents += 1;
      open.set(event.index, `${event.queueId} ${event.time}`);
    }
    if (event.kind !== 'key-outcome') continue;
    const intent = event.facts['intent'];
    assert.ok(typeof intent === 'number' && open.delete(intent), `no intent ${String(intent)}`);
    if (event.facts['outcome'] === 'unknown') unknown += 1;
  }
  assert.deepEqual([...open], [], 'intents without outcome');
  return { intents, unknown };
}

/** The canary is in no file that either gateway has written. */
export async function assertNoCanaryOnDisk(pair: GatewayPair, when: string): Promise<number> {
  const { found, read } = await filesWithCanary(pair.gateways.flatMap((one) => one.folders));
  assert.deepEqual(found, [], `files that hold the canary ${when}`);
  return read;
}

/** Nothing of a message crossed between the gateways in clear. */
export function assertNothingInClear(pair: GatewayPair): void {
  for (const tap of pair.taps) {
    assert.deepEqual(tap.faults, []);
    assert.ok(tap.tlsConnections > 0, 'no connection between the gateways came to TLS');
  }
}
