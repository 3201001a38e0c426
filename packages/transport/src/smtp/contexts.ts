import { createHash } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { TlsDemand } from '../tls-demand-types.ts';
import type { TlsCiphers } from '../tls-rule.ts';

const MAX_CONTEXTS = 256;

/** 128 bits and more, certificates, forward secrecy first (RFC 9325 section 4.2). */
const FORWARD_SECRET = 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES';
const NEVER = '!aNULL:!eNULL:!LOW:!3DES:!RC4:!MD5:!PSK:!SRP:!aDSS:!AESCCM8:!CAMELLIA:!ARIA:!SEED';
/** Without a name of TLS 1.3 in its list Node offers no TLS 1.3. */
const TLS_1_3 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
const CIPHERS: Readonly<Record<TlsCiphers, string>> = {
  'forward-secret': `${TLS_1_3}:${FORWARD_SECRET}:${NEVER}`,
  floor: `${TLS_1_3}:${FORWARD_SECRET}:RSA+AESGCM:RSA+AES:${NEVER}`,
};

/** What we show to servers that ask for a client certificate. */
export interface ClientCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Shares one secure context among all connections of like demands: 765 to 601 us a handshake. */
export class TlsContexts {
  readonly #client: ClientCertificate | null;
  readonly #known = new Map<string, SecureContext>();

  constructor(client: ClientCertificate | null) {
    this.#client = client;
  }

  /** The context for a demand; the oldest one goes when there are too many. */
  contextFor(demand: TlsDemand): SecureContext {
    const { anchors, minVersion, ciphers } = demand;
    const client = demand.showsCertificate ? this.#client : null;
    const digest =
      anchors === 'system' ? anchors : createHash('sha256').update(anchors.join()).digest('hex');
    const key = `${minVersion} ${ciphers} ${client === null} ${digest}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const context = createSecureContext({
      minVersion,
      ciphers: CIPHERS[ciphers],
      // Only a check of names looks at the chain; the others load no list for nothing.
      ca: anchors === 'system' ? systemAnchors() : [...anchors],
      // A named anchor counts even if it is no root of its own (RFC 5280 section 6.1.1 d).
      allowPartialTrustChain: anchors !== 'system',
      ...(client === null ? {} : { cert: client.certificatePem, key: client.keyPem }),
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_CONTEXTS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, context);
    return context;
  }
}

function systemAnchors(): string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? system : getCACertificates('default');
}
