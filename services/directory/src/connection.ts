import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { DerError, elementLength } from '@sallyport/der';
import type { Logger } from '@sallyport/log';
import type { PublishedEntries } from './entries.ts';
import type { ClientLimiter } from './limiter.ts';
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
import { searchEntries } from './search.ts';

/** No request of a certificate search comes near it. */
const MAX_MESSAGE_BYTES = 16 * 1024;
const MAX_OPERATIONS = 1_000;
const LDAP_MESSAGE = 0x30;

export interface ConnectionPorts {
  readonly entries: PublishedEntries;
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
    this.#client = socket.remoteAddress ?? 'unknown';
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
        if (this.#socket.destroyed) return;
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
      this.#socket.end();
      this.#socket.destroySoon();
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
    const { limiter, entries, baseDns, secureContext } = this.#ports;
    if (!limiter.maySearch(this.#client)) return RESULT.busy;
    const answer = searchEntries(request, {
      index: await entries.current(),
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
    this.#socket.end(formatDisconnection(code, diagnostic));
    this.#socket.destroySoon();
  }

  #end(reason: string): void {
    this.#disconnect(RESULT.unavailable, reason);
  }
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
