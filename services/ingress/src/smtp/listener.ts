import type { X509Certificate } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { MAX_CHAIN_CERTIFICATE_BYTES, MAX_CHAIN_CERTIFICATES } from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import { SmtpSession } from './session.ts';
import type { Authenticator, SessionRules, TlsFacts, Transactions } from './types.ts';
import type { Front } from './xclient.ts';

const HANDSHAKE_TIMEOUT_MS = 30_000;
const MAX_TICK_MS = 1_000;
const MIN_TICK_MS = 5;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly rules: SessionRules;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Null only where `rules.tls` is `none`. */
  readonly tls: TlsSettings | null;
  readonly transactions: () => Transactions;
  readonly authenticator: Authenticator | null;
  /** The front at an address; left out: there are none. Its clients share its connections. */
  readonly frontAt?: (address: string) => Front | null;
  readonly logger: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
}

export interface TlsSettings {
  readonly key: SecureContextOptions['key'];
  readonly cert: SecureContextOptions['cert'];
  /** Anchors of client certificates; null asks for none, an empty list asks and trusts none. */
  readonly clientAnchors: NonNullable<SecureContextOptions['ca']> | null;
}

/** One listening port with its sessions. */
export interface SmtpListener {
  readonly port: number;
  /** Takes no further client, tells idle ones, waits for transactions; then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** @throws Error if the port cannot be listened on or the TLS key does not fit. */
export async function listenSmtp(options: ListenerOptions): Promise<SmtpListener> {
  const listener = new Listener(options);
  await listener.listen();
  return listener;
}

class Listener implements SmtpListener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #tlsServer: ReturnType<typeof createTlsServer> | null;
  readonly #sessions = new Set<SmtpSession>();
  readonly #perAddress = new Map<string, number>();
  /** Sessions whose handshake runs, by the client's address and port. */
  readonly #handshakes = new Map<string, SmtpSession>();
  #timer: NodeJS.Timeout | null = null;
  #onEmpty: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#tlsServer = options.tls === null ? null : this.#makeTlsServer(options.tls);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(this.#options.port, this.#options.host, resolve);
    await promise;
    this.#server.off('error', reject);
    this.#server.on('error', (cause) => this.#options.logger.error('listener.failed', { cause }));
    const { commandMs, dataIdleMs, dataMs, sessionMs, lingerMs } = this.#options.rules.deadlines;
    const shortest = Math.min(commandMs, dataIdleMs, dataMs, sessionMs, lingerMs);
    const every = Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, shortest / 4));
    this.#timer = setInterval(() => this.#tick(), every);
  }

  async close(graceMs: number): Promise<void> {
    this.#server.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    for (const session of this.#sessions) session.drain();
    const bound = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, graceMs);
    if (this.#sessions.size === 0) resolve();
    await promise;
    clearTimeout(bound);
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.#options.monotonicMs();
    for (const session of this.#sessions) session.tick(now);
  }

  #connected(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    if (address === null) {
      socket.destroy(); // gone already
      return;
    }
    const fromHere = (this.#perAddress.get(address) ?? 0) + 1;
    this.#perAddress.set(address, fromHere);
    const front = this.#options.frontAt?.(address) ?? null;
    const session = new SmtpSession({
      socket,
      rules: this.#options.rules,
      client: { address, port: socket.remotePort ?? 0 },
      transactions: this.#options.transactions(),
      authenticator: this.#options.authenticator,
      front,
      logger: this.#options.logger,
      monotonicMs: this.#options.monotonicMs,
      startTls: (it, bare) => this.#startTls(it, bare),
      onClosed: (it) => this.#closed(it, address),
    });
    this.#sessions.add(session);
    const { maxConnections, maxConnectionsPerAddress } = this.#options;
    const most = front === null ? maxConnectionsPerAddress : maxConnections;
    if (this.#sessions.size > maxConnections || fromHere > most) {
      session.refuse('too-many-connections');
    } else {
      session.start();
    }
  }

  #closed(session: SmtpSession, address: string): void {
    this.#sessions.delete(session);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  #makeTlsServer(tls: TlsSettings): ReturnType<typeof createTlsServer> {
    const server = createTlsServer({
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      // RFC 8996 and RFC 9325 section 3.1.1: nothing below TLS 1.2.
      minVersion: 'TLSv1.2',
      honorCipherOrder: true,
      ...(tls.clientAnchors === null ? {} : clientCertificates(tls.clientAnchors)),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.on('secureConnection', (socket) => this.#secured(socket));
    server.on('tlsClientError', (error, socket) => {
      this.#options.logger.info('tls.handshake-failed', { reason: error.message });
      socket.destroy();
    });
    return server;
  }

  #startTls(session: SmtpSession, bare: Socket): void {
    const key = endpoint(bare);
    if (this.#tlsServer === null || key === null) {
      bare.destroy();
      return;
    }
    this.#handshakes.set(key, session);
    bare.once('close', () => this.#handshakes.delete(key));
    // The TLS server takes over a socket it did not accept itself: documented for net.Server
    // events, and it judges client certificates, which a TLSSocket of our own would not.
    this.#tlsServer.emit('connection', bare);
  }

  #secured(socket: TLSSocket): void {
    const key = endpoint(socket);
    const session = key === null ? undefined : this.#handshakes.get(key);
    if (key === null || session === undefined) {
      socket.destroy();
      return;
    }
    this.#handshakes.delete(key);
    session.tlsStarted(socket, tlsFacts(socket));
  }
}

/**
 * Asks for a certificate without demanding one, which Node says in these words alone. A client with
 * none, or with a stranger's, may deliver all the same (RFC 3207 section 4.1 leaves that to us). The
 * verdict is not lost: it is `clientAuthorized` of every session, and no name of a certificate
 * counts without it.
 */
function clientCertificates(ca: NonNullable<TlsSettings['clientAnchors']>) {
  return { ca, requestCert: true, rejectUnauthorized: false };
}

function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerX509Certificate();
  const chain = certificate === undefined ? [] : chainAbove(certificate);
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    clientCertificate: certificate?.raw.toString('base64') ?? null,
    clientAuthorized: certificate !== undefined && socket.authorized,
    ...(chain.length === 0 ? {} : { clientChain: chain }),
  };
}

/** The CA certificates that a client sent; one that is longer than any real one ends them. */
function chainAbove(certificate: X509Certificate): string[] {
  const chain: string[] = [];
  let issuer = certificate.issuerCertificate;
  while (issuer !== undefined && chain.length < MAX_CHAIN_CERTIFICATES) {
    if (issuer.raw.length > MAX_CHAIN_CERTIFICATE_BYTES) break;
    const text = issuer.raw.toString('base64');
    // A root is its own issuer.
    if (chain.includes(text)) break;
    chain.push(text);
    issuer = issuer.issuerCertificate;
  }
  return chain;
}

function endpoint(socket: Socket): string | null {
  if (socket.remoteAddress === undefined) return null;
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** An IPv4 client of a dual-stack port is an IPv4 client. */
function plainAddress(address: string | undefined): string | null {
  return address === undefined ? null : address.replace(/^::ffff:(?=\d+\.)/i, '');
}
