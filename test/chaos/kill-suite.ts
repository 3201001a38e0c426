import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../harness/wait.ts';
import {
  assertIntentsClosed,
  assertLogVerifies,
  assertNoCanaryOnDisk,
  assertNothingInClear,
} from './checks.ts';
import { type RunningGateway, VICTIMS, type Victim } from './gateway.ts';
import { chosenPoint, KILL_POINTS, type KillPoint, reached, WHO_IS_NEAR } from './kill-points.ts';
import { MailFlow, type Sent } from './mail-flow.ts';
import { type GatewayPair, queueFiles, startPair } from './pair.ts';
import { chosenSeed, type Random, seededRandom } from './random.ts';

/** So many of the kills take a whole gateway, and so many of the others two processes at once. */
const HOST_SHARE = 0.08;
const PAIR_SHARE = 0.2;
const POINT_TIMEOUT_MS = 3_000;
const REVIVAL_TIMEOUT_MS = 45_000;
/** Work that was under way when the copy arrived may end this much later. */
const AFTERMATH_MS = 5_000;
// The spool is scanned each minute: a message whose hint died with its process waits for that.
const DRAIN_TIMEOUT_MS = 150_000;

/** One kill, as it was done. */
interface Kill {
  readonly at: number;
  readonly point: KillPoint;
  readonly wasReached: boolean;
  readonly site: 0 | 1;
  readonly victims: readonly string[];
}

/** Figures of a run, printed as diagnostics of the test. */
interface Figures {
  readonly seed: number;
  readonly kills: readonly Kill[];
  readonly messages: number;
  readonly extraCopies: number;
  readonly drainMs: number;
}

/** What a run must not find: each list holds what speaks against the promise of its name. */
interface Findings {
  /** Ids of messages that were accepted and never arrived. */
  readonly lost: readonly string[];
  /** Messages with more extra copies than there were kills while they were in flight. */
  readonly unexplainedCopies: readonly string[];
  /** What went wrong in handing mail over or in reading what arrived. */
  readonly flowFaults: readonly string[];
  /** Processes that ended otherwise than by a kill of this run. */
  readonly endedByThemselves: RunningGateway['ended'];
  /** What the gateways had to say against their own state. */
  readonly complaints: readonly string[];
  /** Queue files that are left when all mail has arrived. */
  readonly leftInSpools: readonly string[];
}

interface SuiteOptions {
  readonly kills: number;
  /**
   * The last two kills take the whole of each gateway: what lost its hint is then found by the scan
   * at start, and nobody waits for the scan of each minute.
   */
  readonly endsWithHosts: boolean;
}

/**
 * Kills processes of two gateways while mail flows both ways, and demands that nothing is lost, comes
 * more often than it may, or is left.
 *
 * @throws AssertionError for what is not so.
 */
export async function assertSurvivesKills(
  context: TestContext,
  options: SuiteOptions,
): Promise<void> {
  const found = await runKillSuite(context, options);
  assert.equal(found.kills.length, options.kills);
  assert.deepEqual(found.lost, [], 'accepted messages that were lost');
  assert.deepEqual(found.unexplainedCopies, []);
  assert.deepEqual(found.flowFaults, []);
  assert.deepEqual(found.endedByThemselves, []);
  assert.deepEqual(found.complaints, []);
  assert.deepEqual(found.leftInSpools, []);
}

/**
 * Kills processes of two gateways while mail flows both ways, and lets all mail arrive.
 *
 * @returns what was found amiss.
 * @throws AssertionError for what no run may show at any moment: text in clear on the wire or on
 *   disk, a log that does not verify, a use of a key without its outcome.
 */
async function runKillSuite(
  context: TestContext,
  options: SuiteOptions,
): Promise<Figures & Findings> {
  const random = seededRandom(chosenSeed());
  context.diagnostic(`CHAOS_SEED=${random.seed}`);
  await using pair = await startPair();
  const flow = new MailFlow(pair);
  flow.start(random, { senders: 3, restMs: 250 });
  await waitFor(() => flow.sent.size > 20 && flow.missing().length < flow.sent.size, {
    what: 'mail that flows',
    timeoutMs: 30_000,
  });
  const done: Kill[] = [];
  const last = options.endsWithHosts ? ([0, 1] as const) : [];
  while (done.length < options.kills - last.length) {
    done.push(await killOnce(pair, random));
    await sleep(random.between(150, 900));
  }
  for (const site of last) {
    done.push(await killHost(pair, site));
    await someArriveOf(flow, site);
  }
  if (process.env['CHAOS_KEEP'] !== undefined) {
    for (const kill of done) context.diagnostic(JSON.stringify(kill));
  }
  await flow.stop();
  const drainMs = await drain(pair, flow);
  await assertNoCanaryOnDisk(pair, 'after the kills');
  await startOnceMore(pair, flow);
  assertNothingInClear(pair);
  await assertDisk(pair, context);
  const figures = {
    seed: random.seed,
    kills: done,
    messages: flow.sent.size,
    extraCopies: [...flow.sent.values()].reduce((sum, one) => sum + extraCopiesOf(one), 0),
    drainMs,
  };
  report(context, flow, figures);
  return { ...figures, ...(await findingsOf(pair, flow, done)) };
}

/**
 * Waits until mail accepted from now on goes through. A gateway whose first look into its partner's
 * directory falls into that one's death leaves it alone for a minute.
 */
async function someArriveOf(flow: MailFlow, site: 0 | 1): Promise<void> {
  const since = Date.now();
  await waitFor(
    () =>
      [...flow.sent.values()].some(
        (one) => one.site === site && one.firstTryAt > since && one.arrivals.length > 0,
      ),
    { what: 'mail through a gateway that was started anew', timeoutMs: 90_000 },
  );
}

async function killHost(pair: GatewayPair, site: 0 | 1): Promise<Kill> {
  const at = await pair.gateways[site].killAll();
  return { at, point: 'random', wasReached: true, site, victims: ['all'] };
}

async function killOnce(pair: GatewayPair, random: Random): Promise<Kill> {
  const site = random.pick([0, 1] as const);
  const gateway = pair.gateways[site];
  if (random.next() < HOST_SHARE) return await killHost(pair, site);
  const point = chosenPoint() ?? random.pick(KILL_POINTS);
  const first = random.pick(WHO_IS_NEAR[point]);
  const second = random.next() < PAIR_SHARE ? random.pick(VICTIMS) : first;
  const victims: Victim[] = first === second ? [first] : [first, second];
  await waitFor(() => victims.every((victim) => gateway.isRunning(victim)), {
    what: `${victims.join(' and ')} of ${gateway.organisation.plan.domain} back after a kill`,
    timeoutMs: REVIVAL_TIMEOUT_MS,
  });
  const wasReached =
    point === 'random' ||
    (await reached(point, gateway, {
      mailbox: pair.mailboxes[site],
      timeoutMs: POINT_TIMEOUT_MS,
    }));
  const killed = victims.filter((victim) => gateway.kill(victim));
  return { at: Date.now(), point, wasReached, site, victims: killed };
}

/** Waits until all that was accepted has arrived and no queue file waits. @returns how long. */
async function drain(pair: GatewayPair, flow: MailFlow): Promise<number> {
  const startedAt = performance.now();
  const waiting = async (): Promise<string[]> => {
    const files = await Promise.all(pair.gateways.map((gateway) => queueFiles(gateway)));
    return files.flat().filter((name) => !name.startsWith('tmp/'));
  };
  try {
    await waitFor(
      async () => {
        await flow.collect();
        return flow.missing().length === 0 && (await waiting()).length === 0;
      },
      { what: 'all mail at its inner MTA', timeoutMs: DRAIN_TIMEOUT_MS },
    );
  } catch (cause) {
    const missing = flow.missing().map(({ id, acceptedAt }) => `${id} accepted ${acceptedAt}`);
    const left = (await waiting()).join(', ');
    throw new Error(`not drained; missing: ${missing.join(', ')}; queued: ${left}`, { cause });
  }
  return Math.round(performance.now() - startedAt);
}

/** What a start after kill -9 does is what every start does: it must find nothing more to do. */
async function startOnceMore(pair: GatewayPair, flow: MailFlow): Promise<void> {
  for (const gateway of pair.gateways) await gateway.settled();
  await Promise.all(pair.gateways.map((gateway) => gateway.restart()));
  await sleep(1_000);
  await flow.collect();
  await Promise.all(pair.gateways.map((gateway) => gateway.stop()));
}

async function findingsOf(
  pair: GatewayPair,
  flow: MailFlow,
  kills: readonly Kill[],
): Promise<Findings> {
  const left = await Promise.all(pair.gateways.map((gateway) => queueFiles(gateway)));
  return {
    lost: flow.missing().map((one) => one.id),
    unexplainedCopies: [...flow.sent.values()].flatMap((one) => {
      const near = kills.filter((kill) => isInFlight(one, kill.at)).length;
      const extra = extraCopiesOf(one);
      return extra <= near ? [] : [`${one.id}: ${extra} extra copies, ${near} kills`];
    }),
    flowFaults: flow.faults,
    endedByThemselves: pair.gateways.flatMap(({ ended }) =>
      ended.filter(({ signal }) => signal !== 'SIGKILL'),
    ),
    complaints: pair.gateways.flatMap(({ complaints }) => complaints),
    leftInSpools: left.flat(),
  };
}

function extraCopiesOf({ arrivals }: Sent): number {
  return Math.max(0, arrivals.length - 1);
}

/** From the first try to hand it over until its last copy arrived, and all knew that. */
function isInFlight({ firstTryAt, arrivals }: Sent, at: number): boolean {
  const first = Math.min(...arrivals.map((arrival) => arrival.at));
  return at >= firstTryAt && at <= first + AFTERMATH_MS;
}

async function assertDisk(pair: GatewayPair, context: TestContext): Promise<void> {
  for (const gateway of pair.gateways) {
    const { domain } = gateway.organisation.plan;
    const events = await assertLogVerifies(gateway);
    const { intents, unknown } = await assertIntentsClosed(gateway);
    context.diagnostic(`${domain}: ${events} events, ${intents} key uses, ${unknown} unknown`);
  }
  const read = await assertNoCanaryOnDisk(pair, 'at the end');
  context.diagnostic(`no canary in ${read} files`);
}

function report(context: TestContext, flow: MailFlow, figures: Figures): void {
  const { kills, messages, extraCopies, drainMs } = figures;
  const points = KILL_POINTS.map((point) => {
    const there = kills.filter((kill) => kill.point === point);
    return `${point} ${there.filter((kill) => kill.wasReached).length}/${there.length}`;
  });
  const unknown = [...flow.sent.values()].reduce((sum, one) => sum + one.unknown, 0);
  context.diagnostic(`${kills.length} kills: ${points.join(', ')}`);
  context.diagnostic(`${messages} messages, ${unknown} tries without reply`);
  context.diagnostic(`${extraCopies} extra copies; drained after ${drainMs} ms`);
}
