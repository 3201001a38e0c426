import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { DerError, elementLength } from '@sallyport/der';
import type { Logger } from '@sallyport/log';
import { namesOf } from './filter.ts';
import { type ClientLimiter, clientOf } from './limiter.ts';
import type { DirectoryLimits } from './options.ts';
import {
  formatDisconnection,
  formatEntry,
  formatResult,
  type LdapRequest,
  OID_START_TLS,
  type Operation,
  parseRequest,
  RESULT,
  type ResultCode,
  responseTagOf,
} from './protocol.ts';
import type { Published } from './published.ts';
import { searchEntries } from './search.ts';

/** No request of a certificate search comes near it. */
const MAX_MESSAGE_BYTES = 16 * 1024;
const MAX_OPERATIONS = 1_000;
const LDAP_MESSAGE = 0x30;
/** For the client to take what we still have for it. */
const LINGER_MS = 2_000;

export interface ConnectionPorts {
  readonly published: Published;
  readonly baseDns: readonly string[];
  readonly limits: DirectoryLimits;
  readonly limiter: ClientLimiter;
  /** Null if neither StartTLS nor LDAPS is offered. */
  readonly secureContext: SecureContext | null;
  readonly logger: Logger;
}

/** One LDAP session: requests are answered one after another, in order. */
export class LdapConnection {
  readonly #ports: ConnectionPorts;
  readonly #client: string;
  #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  #isBusy = false;
  #isEncrypted: boolean;
  #operations = 0;

  constructor(socket: Socket, isEncrypted: boolean, ports: ConnectionPorts) {
    this.#ports = ports;
    this.#socket = socket;
    this.#isEncrypted = isEncrypted;
    this.#client = clientOf(socket.remoteAddress ?? 'unknown');
    const whole = setTimeout(
      () => this.#end('session too long'),
      ports.limits.sessionSeconds * 1_000,
    );
    socket.once('close', () => clearTimeout(whole));
    socket.setNoDelay(true); // entry and result are two writes
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.setTimeout(this.#ports.limits.idleSeconds * 1_000, () => this.#end('idle'));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (socket.writableEnded) return; // we said goodbye
      this.#pending = Buffer.concat([this.#pending, chunk]);
      if (this.#pending.length > MAX_MESSAGE_BYTES) socket.pause();
      void this.#drain();
    });
  }

  /** Takes whole messages off what has come, one at a time. */
  async #drain(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let bytes = this.#cut(); bytes !== null; bytes = this.#cut()) {
        await this.#answer(parseRequest(bytes));
        await this.#drained();
        if (this.#socket.destroyed || this.#socket.writableEnded) return;
      }
      this.#socket.resume();
    } catch (error) {
      if (error instanceof DerError) this.#disconnect(RESULT.protocolError, 'malformed message');
      else {
        this.#ports.logger.error('session.failed', { cause: error });
        this.#disconnect(RESULT.unavailable, 'local error');
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** A client that asks and does not read gets no further answer: they would pile up here. */
  async #drained(): Promise<void> {
    const socket = this.#socket;
    if (!socket.writableNeedDrain || socket.destroyed) return;
    const ended = new AbortController();
    const end = (): void => ended.abort();
    socket.once('close', end);
    await once(socket, 'drain', { signal: ended.signal }).catch(() => undefined);
    socket.off('close', end);
  }

  #cut(): Buffer | null {
    if (this.#pending.length === 0) return null;
    if (this.#pending[0] !== LDAP_MESSAGE) throw new DerError('not an LDAP message');
    const length = elementLength(this.#pending);
    if (length !== null && length > MAX_MESSAGE_BYTES) throw new DerError('message too long');
    if (length === null || this.#pending.length < length) return null;
    const bytes = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  async #answer({ id, operation, hasCriticalControl }: LdapRequest): Promise<void> {
    this.#operations += 1;
    if (this.#operations > MAX_OPERATIONS) {
      this.#disconnect(RESULT.busy, 'too many operations');
      return;
    }
    if (operation.kind === 'unbind') {
      endSoon(this.#socket);
      return;
    }
    const tag = responseTagOf(operation);
    if (tag === null) return; // RFC 4511 section 4.11: abandon has no response
    // RFC 4511 section 4.1.11
    const code = hasCriticalControl
      ? RESULT.unavailableCriticalExtension
      : await this.#perform(id, operation);
    this.#socket.write(formatResult({ id, tag }, code, DIAGNOSTIC[code] ?? ''));
    if (operation.kind === 'extended' && code === RESULT.success) this.#startTls();
  }

  async #perform(id: number, operation: Operation): Promise<ResultCode> {
    switch (operation.kind) {
      case 'bind':
        return bindResult(operation);
      case 'search':
        return this.#search(id, operation);
      case 'extended':
        if (operation.oid !== OID_START_TLS) return RESULT.protocolError;
        if (this.#isEncrypted) return RESULT.operationsError;
        return this.#ports.secureContext === null ? RESULT.unavailable : RESULT.success;
      case 'refused':
        return RESULT.unwillingToPerform;
      case 'unbind':
      case 'abandon':
        return RESULT.success;
    }
  }

  async #search(id: number, request: Extract<Operation, { kind: 'search' }>): Promise<ResultCode> {
    const { limiter, published, baseDns, secureContext } = this.#ports;
    const names = namesOf(request.filter)?.length ?? 0;
    if (!limiter.maySearch(this.#client, Math.max(names, 1))) return RESULT.busy;
    const answer = await searchEntries(request, {
      find: (name) => published.find(name),
      baseDns,
      offersStartTls: secureContext !== null && !this.#isEncrypted,
    });
    for (const entry of answer.entries) this.#socket.write(formatEntry(id, entry));
    return answer.code;
  }

  #startTls(): void {
    const { secureContext } = this.#ports;
    if (secureContext === null) return;
    // What was sent in clear behind the request must not count as said under TLS.
    if (this.#pending.length > 0) {
      this.#socket.destroy();
      return;
    }
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.setTimeout(0);
    const secured = new TLSSocket(plain, { isServer: true, secureContext });
    this.#socket = secured;
    this.#isEncrypted = true;
    secured.once('close', () => plain.destroy());
    this.#listen(secured);
  }

  #disconnect(code: ResultCode, diagnostic: string): void {
    endSoon(this.#socket, formatDisconnection(code, diagnostic));
  }

  #end(reason: string): void {
    this.#disconnect(RESULT.unavailable, reason);
  }
}

/** Says the last word and closes, also to a client that does not read it. */
export function endSoon(socket: Socket, lastWord?: Buffer): void {
  if (socket.destroyed) return;
  if (!socket.writableEnded && lastWord !== undefined) socket.write(lastWord);
  socket.destroySoon();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

const DIAGNOSTIC: Readonly<Partial<Record<ResultCode, string>>> = {
  [RESULT.busy]: 'too many searches, try again in a minute',
  [RESULT.unwillingToPerform]: 'this directory is read-only',
  [RESULT.invalidCredentials]: 'only anonymous bind',
  [RESULT.protocolError]: 'not supported',
};

/** RFC 4513 section 5.1.1: anonymous only; a name without a password is 5.1.2 and refused. */
function bindResult(bind: Extract<Operation, { kind: 'bind' }>): ResultCode {
  if (bind.version !== 3) return RESULT.protocolError;
  if (bind.password === null) return RESULT.authMethodNotSupported;
  if (bind.password.length > 0) return RESULT.invalidCredentials;
  return bind.name === '' ? RESULT.success : RESULT.unwillingToPerform;
}
