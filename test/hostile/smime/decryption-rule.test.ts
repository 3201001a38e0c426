/** Decryption tells strangers nothing (design section 4, RFC 3218, RFC 8551 section 6). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Unavailable } from '../../../services/worker/src/shared/ports.ts';
import { type InwardService, startInwardService } from '../../harness/inward-service.ts';
import { GOOD_SHAPE, MORE_SHAPES, ORACLE_SHAPES } from '../../harness/oracle-shapes.ts';

const FLOOR_MS = 25;
const SHAPES = { ...ORACLE_SHAPES, ...MORE_SHAPES };

/** The facts of an answer that a stranger can see. */
async function seen(service: InwardService, bytes: Buffer): Promise<string> {
  const { answer } = await service.ask(bytes);
  if (answer.kind !== 'accept') return JSON.stringify(answer);
  const folders = answer.results.map(({ folder }) => folder);
  return JSON.stringify({ ...answer, results: folders });
}

describe('one reply and one text for every cause', () => {
  for (const [rule, expected] of [
    ['strict', 'refuse'],
    ['lenient', 'accept'],
  ] as const) {
    test(`rule ${rule}: ${expected} in the same words`, async () => {
      await using service = await startInwardService({ rule, floorMs: 0 });
      const answers = new Map<string, string>();
      for (const [name, make] of Object.entries(SHAPES))
        answers.set(name, await seen(service, make()));
      const words = new Set(answers.values());
      assert.equal(words.size, 1, JSON.stringify([...answers], null, 1));
      const [only = ''] = words;
      assert.match(only, new RegExp(`"kind":"${expected}"`));
      assert.doesNotMatch(only, /outgoing/);
      // The record of it differs, for those inside; so the same words are no accident of blindness.
      const reasons = new Set(
        service.events.flatMap((event) => (event.kind === 'opened' ? [event.verdict.reason] : [])),
      );
      assert.ok(reasons.size > 3, [...reasons].join('\n'));
    });
  }

  test('positive control: what nobody altered is taken', async () => {
    await using service = await startInwardService({ rule: 'strict', floorMs: 0 });
    assert.match(await seen(service, GOOD_SHAPE()), /"kind":"accept".*outgoing/);
  });
});

test('the same calls for every cause: the key is asked for once a layer, and nobody else', async () => {
  for (const [name, make] of Object.entries(SHAPES)) {
    const calls: string[] = [];
    await using service = await startInwardService({
      rule: 'strict',
      floorMs: 0,
      change: (ports) => ({
        mayOpenFor: (id) => {
          const mayOpen = ports.mayOpenFor(id);
          return async (key, digest) => {
            calls.push('mayOpen');
            return await mayOpen(key, digest);
          };
        },
        recorder: {
          record: async ({ kind }) => {
            calls.push(kind);
          },
        },
        scanner: { scan: () => Promise.reject(new Error('the scanner is asked')) },
      }),
    });
    await service.ask(make());
    const layers = name === 'a layer for us inside' ? 2 : 1;
    assert.equal(service.keyring.asked(), layers, name);
    assert.deepEqual(calls, [...Array.from({ length: layers }, () => 'mayOpen'), 'opened'], name);
  }
});

test('RFC 3218: the wrong key is the same for the same question', async () => {
  await using service = await startInwardService({ rule: 'strict', floorMs: 0 });
  const { keyring } = service.keyring;
  const unwrapper = keyring.unwrapperFor('q' as never);
  const question = (encryptedKey: Buffer) => ({
    keyId: 'dca',
    keyBytes: 32 as const,
    recipient: { kind: 'ktri' as const, algorithm: { kind: 'pkcs1v15' as const }, encryptedKey },
  });
  const [one, other] = [Buffer.alloc(256, 1), Buffer.alloc(256, 2)];
  const first = await unwrapper.unwrap(question(one));
  assert.equal(first.length, 32);
  assert.deepEqual(await unwrapper.unwrap(question(one)), first);
  assert.notDeepEqual(await unwrapper.unwrap(question(other)), first);
});

test('every refusal after the key was asked for keeps the floor', async () => {
  await using service = await startInwardService({ rule: 'strict', floorMs: FLOOR_MS });
  for (const [name, make] of Object.entries(SHAPES)) {
    const { tookMs } = await service.ask(make());
    assert.ok(tookMs >= 2 * FLOOR_MS, `${name}: ${tookMs} ms`);
  }
});

describe('a surprise or an outage after the key was asked for keeps the floor too', () => {
  const CHANGES: readonly (readonly [
    string,
    Parameters<typeof startInwardService>[0]['change'],
  ])[] = [
    [
      'the keyholder goes away',
      () => ({
        keyring: {
          ownRecipients: async () => await OWN,
          unwrapperFor: () => ({
            unwrap: () => Promise.reject(new Unavailable('keyholder-unavailable')),
          }),
        } as never,
      }),
    ],
    [
      'the recorder goes away',
      () => ({
        recorder: { record: () => Promise.reject(new Unavailable('recorder-unavailable')) },
      }),
    ],
    ['a bug', () => ({ recorder: { record: () => Promise.reject(new TypeError('a bug')) } })],
    [
      'a key that is no key',
      () => ({
        keyring: {
          ownRecipients: async () => await OWN,
          unwrapperFor: () => ({ unwrap: () => Promise.reject(new RangeError('a bug')) }),
        } as never,
      }),
    ],
  ];
  const OWN = startInwardService({ rule: 'strict', floorMs: 0 }).then(async (service) => {
    const own = await service.keyring.keyring.ownRecipients();
    await service[Symbol.asyncDispose]();
    return own;
  });
  for (const [name, change] of CHANGES) {
    test(name, async () => {
      await using service = await startInwardService({
        rule: 'strict',
        floorMs: FLOOR_MS,
        ...(change === undefined ? {} : { change }),
      });
      for (const make of [GOOD_SHAPE, ...Object.values(ORACLE_SHAPES)]) {
        const startedMs = performance.now();
        const answer = await service.ask(make()).catch((error: unknown) => error);
        assert.ok(performance.now() - startedMs >= 2 * FLOOR_MS);
        const isDeferred = !(answer instanceof Error) && JSON.stringify(answer).includes('"defer"');
        assert.ok(answer instanceof Error || isDeferred, JSON.stringify(answer));
      }
    });
  }
});
