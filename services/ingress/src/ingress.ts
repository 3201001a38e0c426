import { BlockList, isIPv6 } from 'node:net';
import type { Logger, Metrics } from '@sallyport/log';
import { type Clock, type Domain, type Mailbox, parseDomain } from '@sallyport/mail';
import { PasswordAuthenticator } from './auth/authenticator.ts';
import { type Login, mayUse } from './auth/password-file.ts';
import type { IngressOptions, ListenerSettings } from './options.ts';
import type { IngressPorts } from './ports.ts';
import { listenSmtp, type SmtpListener, type TlsSettings } from './smtp/listener.ts';
import type { Authenticator, SessionRules, Transactions } from './smtp/types.ts';
import type { Front } from './smtp/xclient.ts';
import type { Surroundings } from './transaction/facts.ts';
import { InwardTransactions } from './transaction/inward.ts';
import { OutwardTransactions } from './transaction/outward.ts';

/** Logins as a file or a test has them. */
export interface LoginStore {
  readonly logins: ReadonlyMap<string, Login>;
  refreshed(): Promise<ReadonlyMap<string, Login>>;
}

export interface IngressInput {
  readonly options: IngressOptions;
  readonly ports: IngressPorts;
  readonly tls: TlsSettings | null;
  readonly logins: LoginStore | null;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
}

/** A running ingress. */
export interface Ingress {
  /** In the order of the options. */
  readonly ports: readonly number[];
  /** 421 to idle clients; running transactions may end within the bound. */
  close(): Promise<void>;
}

/**
 * Empties `tmp` (its clients had no reply) and listens.
 *
 * @throws Error if a domain is none, or a port cannot be listened on.
 */
export async function startIngress(input: IngressInput): Promise<Ingress> {
  const own = input.options.domains.map((text) => {
    const domain = parseDomain(text);
    if (domain === null) throw new Error(`domains: ${text} is no domain`);
    return domain;
  });
  const removed = await input.ports.spool.emptyTmp();
  if (removed > 0) input.logger.info('spool.tmp-emptied', { files: removed });
  const authenticator = makeAuthenticator(input);
  const listeners: SmtpListener[] = [];
  try {
    for (const settings of input.options.listeners) {
      listeners.push(await listen(input, { settings, own, authenticator }));
    }
  } catch (cause) {
    for (const listener of listeners) await listener.close(0);
    throw cause;
  }
  return {
    ports: listeners.map(({ port }) => port),
    close: async () => {
      const { shutdownGraceMs } = input.options;
      await Promise.all(listeners.map((listener) => listener.close(shutdownGraceMs)));
    },
  };
}

function makeAuthenticator(input: IngressInput): Authenticator | null {
  const { logins, options, ports, logger } = input;
  if (logins === null || options.login === null) return null;
  return new PasswordAuthenticator({
    logins: () => logins.refreshed(),
    limits: options.login,
    monotonicMs: input.monotonicMs,
    onOutcome: (outcome, { login, address }) => {
      const personal = { login, clientAddress: address };
      ports.recorder
        .record({ kind: 'login', service: 'ingress', outcome, personal }, { durable: false })
        .catch((cause: unknown) => logger.warn('recorder.unavailable', { kind: 'login', cause }));
    },
  });
}

function listen(
  input: IngressInput,
  of: {
    readonly settings: ListenerSettings;
    readonly own: readonly Domain[];
    readonly authenticator: Authenticator | null;
  },
): Promise<SmtpListener> {
  const { settings } = of;
  const around: Surroundings = {
    ports: input.ports,
    clock: input.clock,
    logger: input.logger.with({ listener: settings.kind }),
    ...(input.metrics === undefined ? {} : { metrics: input.metrics }),
    name: input.options.name,
    ownDomains: new Set(of.own),
    judgeDeadlineMs: input.options.judgeDeadlineMs,
    maxMessageBytes: settings.maxMessageBytes,
  };
  return listenSmtp({
    host: settings.host,
    port: settings.port,
    rules: sessionRules(input.options.name, settings, of.own),
    maxConnections: settings.maxConnections,
    maxConnectionsPerAddress: settings.maxConnectionsPerAddress,
    tls: settings.tls === 'none' ? null : tlsFor(settings, input.tls),
    transactions: transactionsFor(input, settings, around),
    authenticator: settings.kind === 'submission' ? of.authenticator : null,
    ...(settings.kind === 'partner' ? { frontAt: frontFinder(settings.fronts) } : {}),
    logger: around.logger,
    monotonicMs: input.monotonicMs,
  });
}

/**
 * A partner may have to show a certificate that only its own record vouches for, which worker inward
 * knows and we do not: so partners are always asked. People's programs are not: they would ask them.
 */
function tlsFor({ kind }: ListenerSettings, tls: TlsSettings | null): TlsSettings | null {
  return tls === null || kind !== 'partner'
    ? tls
    : { ...tls, clientAnchors: tls.clientAnchors ?? [] };
}

function sessionRules(
  name: string,
  settings: ListenerSettings,
  own: readonly Domain[],
): SessionRules {
  const [first] = own;
  if (first === undefined) throw new Error('domains: none');
  const postmaster: Mailbox = { localPart: 'postmaster', domain: first };
  return {
    name,
    postmaster,
    lineEnds: settings.kind === 'relay' ? settings.lineEnds : 'refuse',
    maxLineOctets: settings.maxLineOctets,
    maxMessageBytes: settings.maxMessageBytes,
    maxRecipients: settings.maxRecipients,
    maxErrors: settings.maxErrors,
    greetingDelayMs: settings.greetingDelayMs,
    tls: settings.tls,
    auth: settings.kind === 'submission' ? 'required' : 'none',
    offersRequireTls: settings.offersRequireTls,
    deadlines: settings.deadlines,
  };
}

/** Makes the transactions of each new session of a listener. */
function transactionsFor(
  input: IngressInput,
  settings: ListenerSettings,
  around: Surroundings,
): () => Transactions {
  switch (settings.kind) {
    case 'partner': {
      const { inward } = input.ports;
      if (inward === null) throw new Error('a partner listener needs worker inward');
      return () => new InwardTransactions(around, inward);
    }
    case 'submission':
      return () =>
        new OutwardTransactions({
          around,
          listener: 'submission',
          evidenceFor: ({ login }) => (login === null ? null : 'login'),
          maySendAs: ({ login }, path) => {
            const known = login === null ? undefined : input.logins?.logins.get(login);
            // A login that was removed while its session lasts may send no more.
            return known !== undefined && ('null' in path || mayUse(known, path));
          },
        });
    default: {
      const clients = parseNetworks(settings.clients);
      return () =>
        new OutwardTransactions({
          around,
          listener: 'relay',
          evidenceFor: ({ address }) => (isListed(clients, address) ? 'client-address' : null),
          maySendAs: () => true,
        });
    }
  }
}

function frontFinder(
  fronts: readonly (Front & { readonly networks: readonly string[] })[],
): (address: string) => Front | null {
  const known = fronts.map(({ networks, ...front }) => ({ list: parseNetworks(networks), front }));
  return (address) => known.find(({ list }) => isListed(list, address))?.front ?? null;
}

function parseNetworks(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isListed(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
