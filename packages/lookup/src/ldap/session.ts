import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Client, type Filter, ResultCodeError } from 'ldapts';
import { GuardedSocket } from './guarded-socket.ts';

const OID_START_TLS = '1.3.6.1.4.1.1466.20037'; // RFC 4511 section 4.14
const MAX_NAMING_CONTEXTS = 8;
const MAX_ENTRIES = 16;
const MAX_SERVER_SECONDS = 5;

export interface LdapTarget {
  /** The address that was checked; nothing else is connected to. */
  readonly address: string;
  readonly port: number;
  /** The name for SNI and the certificate check. */
  readonly serverName: string;
  /** `ldaps` from the first byte; `offered` uses StartTLS where the rootDSE offers it. */
  readonly tls: 'ldaps' | 'start-tls' | 'offered' | 'never';
  readonly anchors?: readonly string[];
  readonly connectTimeoutMs: number;
}

export interface LdapEntry {
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>;
}

export type LdapSearch =
  | { readonly kind: 'entries'; readonly entries: readonly LdapEntry[] }
  /** The server answered with a result code that says no; referrals are never followed. */
  | { readonly kind: 'refused'; readonly code: number };

/**
 * One connection to a directory. `open` and the methods reject when it cannot be reached, breaks,
 * talks no LDAP or is slower than `signal` allows; the one catch is the caller's.
 */
export class LdapSession implements AsyncDisposable {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #lost: Promise<never>;
  #guard: GuardedSocket;
  isEncrypted: boolean;

  private constructor(socket: Socket, target: LdapTarget, signal: AbortSignal) {
    this.#socket = socket;
    this.isEncrypted = target.tls === 'ldaps';
    this.#guard = new GuardedSocket(socket);
    this.#client = new Client({
      url: 'ldap://directory.invalid', // never resolved: the connection stands already
      // ldapts wants a net.Socket and uses of it what GuardedSocket has.
      createConnection: (() => this.#guard) as unknown as typeof connect,
      createSecureConnection: ((options: ConnectionOptions) =>
        this.#upgrade(options)) as unknown as typeof connectTls,
    });
    this.#lost = new Promise((_, reject) => {
      const stop = (): void => {
        socket.destroy();
        reject(new Error('directory was too slow', { cause: signal.reason }));
      };
      signal.addEventListener('abort', stop, { once: true });
      socket.once('close', () => {
        signal.removeEventListener('abort', stop);
        reject(new Error('directory closed the connection'));
      });
      if (signal.aborted) stop();
    });
    this.#lost.catch(() => undefined);
  }

  /** Connects, with TLS first where the target says `ldaps`. */
  static async open(target: LdapTarget, signal: AbortSignal): Promise<LdapSession> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(target.connectTimeoutMs)]);
    const socket = await connected(
      connect({ host: target.address, port: target.port, noDelay: true }),
      'connect',
      timeout,
    );
    if (target.tls !== 'ldaps') return new LdapSession(socket, target, signal);
    const secured = connectTls({ socket, ...tlsOptions(target) });
    return new LdapSession(await connected(secured, 'secureConnect', timeout), target, signal);
  }

  /** RFC 4512 section 5.1: where this server's entries are, and whether it can do StartTLS. */
  async rootDse(): Promise<{
    readonly namingContexts: string[];
    readonly offersStartTls: boolean;
  }> {
    const { searchEntries } = await this.#whileOpen(
      this.#client.search('', {
        scope: 'base',
        filter: '(objectClass=*)',
        attributes: ['namingContexts', 'supportedExtension'],
        sizeLimit: 1,
        timeLimit: MAX_SERVER_SECONDS,
      }),
    );
    const root = toEntry(searchEntries[0] ?? {});
    const texts = (name: string): string[] =>
      (root.attributes.get(name) ?? []).map((value) => value.toString('utf8'));
    return {
      namingContexts: texts('namingcontexts').slice(0, MAX_NAMING_CONTEXTS),
      offersStartTls: texts('supportedextension').includes(OID_START_TLS),
    };
  }

  /** RFC 4511 section 4.14. The certificate is checked; if it does not fit, this rejects. */
  async startTls(target: LdapTarget): Promise<void> {
    await this.#whileOpen(this.#client.startTLS(tlsOptions(target)));
    this.isEncrypted = true;
  }

  async bind(dn: string, password: string): Promise<void> {
    await this.#whileOpen(this.#client.bind(dn, password));
  }

  async search(query: {
    readonly baseDn: string;
    /** The whole subtree when absent. */
    readonly scope?: 'base' | 'sub';
    readonly filter: Filter;
    readonly attributes: readonly string[];
    readonly explicitBufferAttributes?: readonly string[];
  }): Promise<LdapSearch> {
    try {
      const { searchEntries } = await this.#whileOpen(
        this.#client.search(query.baseDn, {
          scope: query.scope ?? 'sub',
          derefAliases: 'never',
          filter: query.filter,
          attributes: [...query.attributes],
          explicitBufferAttributes: [...(query.explicitBufferAttributes ?? [])],
          sizeLimit: MAX_ENTRIES,
          timeLimit: MAX_SERVER_SECONDS,
        }),
      );
      return { kind: 'entries', entries: searchEntries.slice(0, MAX_ENTRIES).map(toEntry) };
    } catch (error) {
      if (error instanceof ResultCodeError) return { kind: 'refused', code: error.code };
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.race([this.#client.unbind(), this.#lost]).catch(() => undefined);
    this.#socket.destroy();
  }

  #whileOpen<T>(operation: Promise<T>): Promise<T> {
    return Promise.race([operation, this.#lost]);
  }

  #upgrade(options: ConnectionOptions): GuardedSocket {
    const secured = connectTls({ ...options, socket: this.#guard.detach() });
    const guard = new GuardedSocket(secured);
    secured.once('secureConnect', () => guard.emit('secureConnect'));
    this.#guard = guard;
    return guard;
  }
}

/** TLS 1.2 at least; the chain and the name are checked (RFC 4513 section 3.1.3). */
function tlsOptions(target: LdapTarget): ConnectionOptions {
  return {
    host: target.serverName,
    minVersion: 'TLSv1.2',
    ...(isIP(target.serverName) === 0 ? { servername: target.serverName } : {}),
    ...(target.anchors === undefined ? {} : { ca: [...target.anchors] }),
  };
}

function connected<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const stop = (): void => fail(new Error('directory did not answer in time'));
    socket.once('error', fail);
    signal.addEventListener('abort', stop, { once: true });
    socket.once(event, () => {
      socket.off('error', fail);
      signal.removeEventListener('abort', stop);
      resolve(socket);
    });
    if (signal.aborted) stop();
  });
}

/** Attribute names in lower case; every value as bytes. */
function toEntry(found: Record<string, unknown>): LdapEntry {
  const attributes = new Map<string, Buffer[]>();
  for (const [name, value] of Object.entries(found)) {
    if (name === 'dn') continue;
    const values = (Array.isArray(value) ? value : [value]).flatMap((item: unknown) =>
      Buffer.isBuffer(item) ? [item] : typeof item === 'string' ? [Buffer.from(item)] : [],
    );
    attributes.set(name.toLowerCase(), values);
  }
  return { attributes };
}
