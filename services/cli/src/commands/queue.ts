import {
  egressProtocol,
  hintProtocol,
  type IpcClient,
  type QueueEntry,
  type QueueSelection,
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

type Hints = typeof hintProtocol;
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

/** Asks worker outward and egress, in this order; `ask` runs for each. */
async function askBoth<R>(
  gateway: Gateway,
  ask: (client: IpcClient<Hints>) => Promise<R>,
): Promise<R[]> {
  const { outward, egress } = gateway.layout.sockets;
  const worker = await askProcess(
    { name: 'worker outward', path: outward, protocol: hintProtocol },
    ask,
  );
  const sender = await askProcess({ name: 'egress', path: egress, protocol: egressProtocol }, ask);
  return [worker, sender];
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
  const answers = await askBoth(gateway, async (client) => await client.call('list', wanted));
  const found = answers
    .flatMap((answer) => answer.entries)
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  const more = found.length > limit || answers.some((answer) => answer.more);
  return { entries: found.slice(0, limit), more };
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
  const answers = await askBoth(
    gateway,
    async (client) => await client.call('show', { id: idOf(id) }),
  );
  const found = answers.find((answer) => answer.kind === 'entry');
  if (found === undefined) throw new Complaint(`No message ${id} is in the queue.`);
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

type Verb = 'release' | 'retry' | 'drop';
const DONE: Readonly<Record<Verb, string>> = {
  release: 'is released',
  retry: 'is tried again now',
  drop: 'is dropped',
};

/** Does one verb to each of the messages, at whichever process has it. */
export async function runQueueVerb(
  verb: Verb,
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

/** A held message is not tried again and one that waits is not released: they are left out. */
async function chosenBy(verb: Verb, gateway: Gateway, options: QueueOptions): Promise<string[]> {
  const { entries, more } = await selected(gateway, options, MAX_LIMIT);
  const chosen = entries.filter(({ state }) => {
    if (state === 'corrupt') return false;
    return verb === 'drop' || (state === 'held') === (verb === 'release');
  });
  if (chosen.length === 0) print('No message of the queue is meant.');
  if (more) note(`These are the oldest ${MAX_LIMIT}; ask again for the others.`);
  return chosen.map(({ id }) => id);
}

/** @returns null if it is done, else why not. */
async function applyVerb(
  gateway: Gateway,
  verb: Verb,
  id: string,
  options: QueueOptions,
): Promise<string | null> {
  const by = operatorName(options.by);
  const ask = async (client: IpcClient<Hints>) => {
    if (verb === 'release') return await client.call('release', { id, by });
    if (verb === 'retry') return await client.call('retry', { id });
    return await client.call('drop', { id, by, notify: options.notify !== false });
  };
  const { outward, egress } = gateway.layout.sockets;
  const processes = [
    { name: 'worker outward', path: outward, protocol: hintProtocol },
    { name: 'egress', path: egress, protocol: egressProtocol },
  ];
  let away: NotRunning | null = null;
  let refused: string | null = null;
  for (const process of processes) {
    try {
      const answer = await askProcess(process, ask);
      if (answer.kind === 'done') return null;
      if (answer.kind === 'not-possible') refused = answer.sentence;
    } catch (error) {
      // The other one may have it.
      if (!(error instanceof NotRunning)) throw error;
      away = error;
    }
  }
  return refused ?? away?.message ?? 'no such message is in the queue';
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
