import {
  type AwayPart,
  connectSocket,
  egressProtocol,
  hintProtocol,
  IpcRefused,
  listQueue,
  orderQueued,
  type QueueClients,
  type QueueEntry,
  type QueuePart,
  type QueueSelection,
  type QueueVerb,
  showQueued,
  takesOrder,
} from '@sallyport/ipc';
import { readActivePolicy } from '@sallyport/policy-store/read';
import {
  askProcess,
  type Gateway,
  NotRunning,
  openGateway,
  operatorName,
} from './gateway-access.ts';
import { note, print, printJson, printTable } from './output.ts';
import { numberOf } from './read-input.ts';
import { Complaint } from './run.ts';

const DEADLINE_MS = 10_000;
const MAX_LIMIT = 1_000;

export interface QueueOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly by?: string;
  readonly state?: QueueEntry['state'];
  readonly limit?: string;
  /** Name of a partner record. */
  readonly partner?: string;
  /** An address or a domain. */
  readonly recipient?: string;
  /** False with --silent. */
  readonly notify?: boolean;
}

/** Calls to worker outward and egress, closed at the end. @throws Complaint if one of them refuses. */
async function withQueue<R>(
  gateway: Gateway,
  ask: (clients: QueueClients) => Promise<R>,
): Promise<R> {
  const { outward, egress } = gateway.layout.sockets;
  const clients = {
    outward: connectSocket({ path: outward, protocol: hintProtocol, deadlineMs: DEADLINE_MS }),
    egress: connectSocket({ path: egress, protocol: egressProtocol, deadlineMs: DEADLINE_MS }),
  };
  try {
    return await ask(clients);
  } catch (error) {
    if (error instanceof IpcRefused) throw new Complaint(`The queue refuses: ${error.message}.`);
    throw error;
  } finally {
    clients.outward.close();
    clients.egress.close();
  }
}

const PART_NAMES: Readonly<Record<QueuePart, string>> = {
  outward: 'worker outward',
  egress: 'egress',
};

/** Half of the queue is no answer to somebody who asks for it. */
function notRunning(away: readonly AwayPart[]): NotRunning | null {
  const [first] = away;
  return first === undefined ? null : new NotRunning(PART_NAMES[first.part], first.cause);
}

/** Prints what waits, is held or is stuck, and why. */
export async function runQueueList(options: QueueOptions): Promise<number> {
  const limit = numberOf(options.limit ?? '1000', '--limit', MAX_LIMIT);
  const gateway = await openGateway(options.config);
  const { entries, more } = await selected(gateway, options, limit);
  if (options.json === true) for (const entry of entries) printJson(entry);
  else if (entries.length === 0) print('The queue is empty.');
  else printTable(entries.map(rowOf));
  if (more) note(`There are more than ${limit}; ask for a --state, --partner or --recipient.`);
  return 0;
}

/** The messages that are meant, the oldest first. */
async function selected(
  gateway: Gateway,
  options: QueueOptions,
  limit: number,
): Promise<{ readonly entries: readonly QueueEntry[]; readonly more: boolean }> {
  const { state, partner, recipient } = options;
  const selection: QueueSelection = {
    ...(partner === undefined ? {} : { partnerDomains: await domainsOf(gateway, partner) }),
    ...(recipient === undefined ? {} : { recipient }),
  };
  const wanted = { limit, selection, ...(state === undefined ? {} : { state }) };
  const listed = await withQueue(gateway, async (clients) => await listQueue(clients, wanted));
  const away = notRunning(listed.away);
  if (away !== null) throw away;
  return listed;
}

/** @throws Complaint if the policy in force has no such partner. */
async function domainsOf(gateway: Gateway, partner: string): Promise<string[]> {
  const { policy } = await readActivePolicy(gateway.layout.policy, new Date());
  const record = policy.partners.find(({ name }) => name === partner);
  if (record === undefined) throw new Complaint(`The policy in force has no partner ${partner}.`);
  return [...record.domains];
}

function rowOf(entry: QueueEntry): string[] {
  const { id, state, createdAt, reversePath, forwardPaths, sentence } = entry;
  const [first = '', ...others] = forwardPaths;
  const to = others.length === 0 ? first : `${first} and ${others.length} more`;
  return [id, state, createdAt, `<${reversePath}>`, to, sentence];
}

/** Prints all that is known of one message. */
export async function runQueueShow(id: string, options: QueueOptions): Promise<number> {
  const gateway = await openGateway(options.config);
  const wanted = idOf(id);
  const found = await withQueue(gateway, async (clients) => await showQueued(clients, wanted));
  if (found.kind === 'unknown-id') {
    throw notRunning(found.away) ?? new Complaint(`No message ${id} is in the queue.`);
  }
  if (options.json === true) {
    printJson({ ...found.entry, details: found.details });
    return 0;
  }
  const rows = Object.entries({ ...found.entry, ...found.details });
  printTable(
    rows.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
  return 0;
}

// Base32 of packages/mail without i, l, o, u: checked here for a sentence instead of a refusal.
function idOf(id: string): string {
  if (/^[0-9a-hjkmnp-tv-z]{20}$/.test(id)) return id;
  throw new Complaint(`${id} is no queue id.`);
}

const DONE: Readonly<Record<QueueVerb, string>> = {
  release: 'is released',
  retry: 'is tried again now',
  drop: 'is dropped',
};

/** Does one verb to each of the messages, at whichever process has it. */
export async function runQueueVerb(
  verb: QueueVerb,
  ids: readonly string[],
  options: QueueOptions,
): Promise<number> {
  for (const id of ids) idOf(id);
  const gateway = await openGateway(options.config);
  const isSelection = options.partner !== undefined || options.recipient !== undefined;
  if (isSelection === ids.length > 0) {
    throw new Complaint('Say which messages: by their ids, or by --partner and --recipient.');
  }
  const chosen = isSelection ? await chosenBy(verb, gateway, options) : ids;
  let failed = 0;
  for (const id of chosen) {
    const sentence = await applyVerb(gateway, verb, id, options);
    if (sentence === null) print(`${id} ${DONE[verb]}.`);
    else {
      failed += 1;
      note(`${id} was left as it is: ${sentence.replace(/\.$/, '')}.`);
    }
  }
  return failed === 0 ? 0 : 1;
}

/** Those of the selection that the verb is for; the others are left out. */
async function chosenBy(
  verb: QueueVerb,
  gateway: Gateway,
  options: QueueOptions,
): Promise<string[]> {
  const { entries, more } = await selected(gateway, options, MAX_LIMIT);
  const chosen = entries.filter(({ state }) => takesOrder(state, verb));
  if (chosen.length === 0) print('No message of the queue is meant.');
  if (more) note(`These are the oldest ${MAX_LIMIT}; ask again for the others.`);
  return chosen.map(({ id }) => id);
}

/** @returns null if it is done, else why not. */
async function applyVerb(
  gateway: Gateway,
  verb: QueueVerb,
  id: string,
  options: QueueOptions,
): Promise<string | null> {
  const order = { verb, id, by: operatorName(options.by), notify: options.notify !== false };
  const answer = await withQueue(gateway, async (clients) => await orderQueued(clients, order));
  switch (answer.kind) {
    case 'done':
      return null;
    case 'not-possible':
      return answer.sentence;
    case 'unknown-id':
      return notRunning(answer.away)?.message ?? 'no such message is in the queue';
  }
}

/** Stops or starts the way to a destination. */
export async function runQueueDestination(
  verb: 'pause' | 'resume',
  destination: string,
  options: QueueOptions,
): Promise<number> {
  const gateway = await openGateway(options.config);
  const by = operatorName(options.by);
  await askProcess(
    { name: 'egress', path: gateway.layout.sockets.egress, protocol: egressProtocol },
    async (client) => await client.call(verb, { destination, by }),
  );
  print(
    verb === 'pause'
      ? `Nothing goes to ${destination} until resume.`
      : `Mail to ${destination} goes on.`,
  );
  return 0;
}
