/** What the tests of hostile next hops share: one message to one of them, and what a listener heard. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { NextHop, TlsRule } from '@sallyport/transport';
import { createTestCa } from '../../packages/transport/src/test-support/certificates.ts';
import type { Script } from '../../packages/transport/src/test-support/scripted-server.ts';
import { startScriptedServer } from '../../packages/transport/src/test-support/scripted-server.ts';
import { deliver } from '../../services/egress/src/deliver.ts';
import { type Bench, testPool } from '../../services/egress/src/testing.ts';
import { canaryWord } from '../harness/ca.ts';
import { startLineAttacker, type Tamper } from '../harness/line-attacker.ts';
import { startRecordingProxy } from '../harness/recording-proxy.ts';

export const ca = createTestCa();
after(() => ca.remove());
export const good = ca.issue({ names: ['mx.bravo.example'] });
const version = { minVersion: 'TLSv1.2' } as const;
export const MAY = { level: 'may' } satisfies TlsRule;
export const ENCRYPT = { level: 'encrypt', ...version } satisfies TlsRule;
export const SECURE = {
  level: 'secure',
  match: [],
  anchors: [ca.caPem],
  ...version,
} satisfies TlsRule;

/** What became of the message, and all octets that a listener on the line has. */
export interface Tried {
  readonly status: string;
  readonly fault: string | null;
  readonly sentence: string;
  /** Messages that the server took, in TLS or not. */
  readonly taken: readonly { readonly isTls: boolean }[];
  /** True if envelope or body were on the line in clear. */
  readonly leaked: boolean;
  /** Result words of the attempt (RFC 8460 section 4.3). */
  readonly results: readonly string[];
}

/** Delivers one message with the egress of the product to a server that follows the script. */
export async function tryServer(
  world: Bench,
  script: Script,
  tlsRule: TlsRule,
  tamper: Tamper = (piece) => piece,
): Promise<Tried> {
  await using server = await startScriptedServer(script);
  await using attacker = await startLineAttacker({ host: '127.0.0.1', port: server.port }, tamper);
  await using line = await startRecordingProxy(attacker);
  const canary = canaryWord();
  const header = await world.put(`Subject: ${canary}\r\n\r\n${canary}\r\n`, {
    reversePath: `${canary}@acme.example`,
    // A domain of its own: back-off of a destination is another matter.
    forwardPaths: [{ path: `${canary}@${canary}.example` }],
  });
  const hop: NextHop = {
    host: 'mx.bravo.example',
    address: line.host,
    port: line.port,
    tlsRule,
    nexthopDomain: 'bravo.example',
    hostSource: 'secure-mx',
  };
  const pool = testPool();
  const before = world.events.length;
  await deliver(header.id, {
    ...world.ports,
    pool,
    routes: {
      locate: async () => ({
        route: { kind: 'hops', hops: [hop], via: 'mx' },
        tlsRule,
        rule: 'partner:Bravo',
        policyVersion: 7,
      }),
      withTlsa: async (one) => one,
    },
  });
  const event = world.events.slice(before).at(-1);
  pool.close();
  assert.ok(event !== undefined, 'the attempt is recorded');
  const heard = line.recorded().toString('latin1');
  return {
    status: event.kind,
    fault: 'fault' in event ? (event.fault ?? null) : null,
    sentence: event.sentence ?? '',
    taken: server.messages,
    leaked: heard.includes(canary) || /MAIL FROM:|RCPT TO:/i.test(heard),
    results: 'tlsResults' in event ? (event.tlsResults ?? []).map(({ result }) => result) : [],
  };
}
