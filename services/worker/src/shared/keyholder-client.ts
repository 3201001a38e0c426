import { chooseSignature, type NonEmpty } from '@sallyport/cms';
import type { DomainSigner, KeyUnwrapper, OwnRecipient, UnwrapRequest } from '@sallyport/domsec';
import {
  connectSocket,
  type DkimKey,
  type IpcClient,
  IpcRefused,
  IpcUnavailable,
  keyholderInwardProtocol,
  keyholderOutwardProtocol,
  type PublicKeyRecord,
  type UnwrapRecipient,
} from '@sallyport/ipc';
import { type Clock, type Domain, isSameOrSubdomain, type QueueId } from '@sallyport/mail';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import type { DkimSigner } from '../dkim/sign.ts';
import { essParams } from './ess-params.ts';
import { Unavailable } from './ports.ts';

const DEADLINE_MS = 15_000;
const KEYS_FRESH_MS = 5_000;
const OPENS: ReadonlySet<PublicKeyRecord['state']> = new Set(['pending', 'active', 'decrypt-only']);
/** Keys that sign one message side by side. */
const MAX_SIGNERS = 4;

type InwardClient = IpcClient<typeof keyholderInwardProtocol>;
type OutwardClient = IpcClient<typeof keyholderOutwardProtocol>;

/** What a worker asks of the keyholder: which keys there are, and to use them. */
export class Keyring {
  readonly #inward: Pick<InwardClient, 'call'>;
  readonly #outward: Pick<OutwardClient, 'call'> | null;
  readonly #clock: Clock;
  #keys: readonly PublicKeyRecord[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #parsed = new Map<string, Certificate>();
  #dkimKeys: readonly DkimKey[] = [];
  #dkimReadAt = Number.NEGATIVE_INFINITY;

  /** `role` chooses the socket's protocol; worker inward cannot sign. */
  constructor(options: {
    readonly path: string;
    readonly role: 'inward' | 'outward';
    readonly clock: Clock;
  }) {
    const { path, clock } = options;
    this.#clock = clock;
    if (options.role === 'outward') {
      const client = connectSocket({
        path,
        protocol: keyholderOutwardProtocol,
        deadlineMs: DEADLINE_MS,
      });
      this.#outward = client;
      this.#inward = client as unknown as Pick<InwardClient, 'call'>;
    } else {
      this.#inward = connectSocket({
        path,
        protocol: keyholderInwardProtocol,
        deadlineMs: DEADLINE_MS,
      });
      this.#outward = null;
    }
  }

  /** Domain decryption keys of ours, the present ones first. @throws Unavailable */
  async ownRecipients(): Promise<readonly OwnRecipient[]> {
    const keys = await this.#list();
    return (
      keys
        .filter((key) => key.class === 'domain-confidentiality')
        // A pending one as well: partners may find its certificate before we hear that it is active.
        .filter((key) => OPENS.has(key.state))
        .flatMap((key) => {
          const certificate = this.#certificate(key);
          return certificate === null ? [] : [{ keyId: key.keyId, certificate }];
        })
    );
  }

  /** @throws Unavailable */
  unwrapperFor(queueId: QueueId): KeyUnwrapper {
    return {
      unwrap: async (request) => {
        const { keyId, keyBytes } = request;
        const params = { keyId, queueId, keyBytes, recipient: recipientParams(request) };
        const { key } = await guarded(() => this.#inward.call('unwrap', params));
        return Buffer.from(key, 'base64');
      },
    };
  }

  /**
   * The signers for a domain: every key in use of its own authority, or of the nearest domain above
   * it (DS-N3). They sign side by side, with RSA and ECDSA for example (DS-G5).
   *
   * @throws Unavailable, with `own-key-unavailable` if there is none.
   */
  async signersFor(domain: Domain, queueId: QueueId): Promise<NonEmpty<OwnSigner>> {
    const client = this.#outward;
    if (client === null) throw new Error('worker inward does not sign');
    const keys = this.#nearest(await this.#list(), 'domain-signing', domain);
    const [first, ...others] = keys.flatMap((one) => signerOf(one, queueId, client) ?? []);
    if (first === undefined) throw new Unavailable('own-key-unavailable');
    return [first, ...others.slice(0, MAX_SIGNERS - 1)];
  }

  /** The certificates in use that mail to a domain of ours is encrypted to. @throws Unavailable */
  async confidentialityChain(domain: Domain | null): Promise<readonly Buffer[]> {
    if (domain === null) return [];
    const keys = this.#nearest(await this.#list(), 'domain-confidentiality', domain);
    return keys.map(({ certificate }) => certificate.der);
  }

  /**
   * Every DKIM key in use for a domain, or of the nearest domain above it that has one; with RSA
   * and Ed25519 both sign (RFC 8463 section 3). None: the domain signs no DKIM.
   *
   * @throws Unavailable
   */
  async dkimSignersFor(domain: Domain, queueId: QueueId): Promise<readonly DkimSigner[]> {
    const client = this.#outward;
    if (client === null) throw new Error('worker inward does not sign');
    const now = this.#clock.now().getTime();
    if (now - this.#dkimReadAt >= KEYS_FRESH_MS || now < this.#dkimReadAt) {
      this.#dkimKeys = await guarded(() => client.call('dkimKeys', {}));
      this.#dkimReadAt = now;
    }
    return nearestOf(this.#dkimKeys, domain)
      .slice(0, MAX_SIGNERS)
      .map(({ keyId }) => dkimSigner(keyId, queueId, client));
  }

  #nearest(
    keys: readonly PublicKeyRecord[],
    keyClass: PublicKeyRecord['class'],
    domain: Domain,
  ): readonly CertifiedKey[] {
    const inUse = keys.filter((one) => one.class === keyClass && one.state === 'active');
    return nearestOf(inUse, domain).flatMap((key) => {
      const certificate = this.#certificate(key);
      return certificate === null ? [] : [{ key, certificate }];
    });
  }

  async #list(): Promise<readonly PublicKeyRecord[]> {
    const now = this.#clock.now().getTime();
    if (now - this.#readAt >= KEYS_FRESH_MS || now < this.#readAt) {
      this.#keys = await guarded(() => this.#inward.call('keys', {}));
      this.#readAt = now;
    }
    return this.#keys;
  }

  #certificate(key: PublicKeyRecord): Certificate | null {
    if (key.certificate === null) return null;
    const known = this.#parsed.get(key.certificate);
    if (known !== undefined) return known;
    const parsed = parseCertificate(Buffer.from(key.certificate, 'base64'));
    if (parsed.kind !== 'certificate') return null;
    if (this.#parsed.size > 1_000) this.#parsed.clear();
    this.#parsed.set(key.certificate, parsed.value);
    return parsed.value;
  }
}

/** The keys of the domain itself, or of the nearest one above it that has any. */
function nearestOf<Key extends { readonly domain: string }>(
  keys: readonly Key[],
  domain: Domain,
): readonly Key[] {
  const fitting = keys
    .filter((one) => isSameOrSubdomain(domain, one.domain as Domain))
    .sort((a, b) => b.domain.length - a.domain.length);
  return fitting.filter((one) => one.domain === fitting[0]?.domain);
}

function dkimSigner(
  keyId: string,
  queueId: QueueId,
  client: Pick<OutwardClient, 'call'>,
): DkimSigner {
  return {
    sign: async (fields) => {
      try {
        const { field } = await guarded(() =>
          client.call('signDkim', { keyId, queueId, ...fields }),
        );
        return field;
      } catch (error) {
        // Taken out of use a moment ago: nobody demands this signature, so the mail goes on.
        if (error instanceof Unavailable && error.fault === 'own-key-unavailable') return null;
        throw error;
      }
    },
  };
}

interface CertifiedKey {
  readonly key: PublicKeyRecord;
  readonly certificate: Certificate;
}

type OwnSigner = DomainSigner & { readonly keyId: string };

/** @returns null for a key that does not sign. */
function signerOf(
  { key, certificate }: CertifiedKey,
  queueId: QueueId,
  client: Pick<OutwardClient, 'call'>,
): OwnSigner | null {
  const { keyId } = key;
  const choice = chooseSignature(certificate.spki);
  if (choice.kind === 'unusable') return null;
  const { digestAlgorithm, signatureAlgorithm } = choice;
  return {
    keyId,
    certificate,
    chain: [certificate.der, ...key.chain.map((der) => Buffer.from(der, 'base64'))],
    digestAlgorithm,
    signatureAlgorithm,
    sign: async ({ digest, signatureTypes, attributes }) => {
      const result = await guarded(() =>
        client.call('sign', {
          keyId,
          queueId,
          digestAlgorithm,
          digest: digest.toString('base64'),
          signatureTypes: [...signatureTypes],
          attributes: attributes.map(essParams),
        }),
      );
      return {
        signedAttrs: Buffer.from(result.signedAttrs, 'base64'),
        signature: Buffer.from(result.signature, 'base64'),
      };
    },
  };
}

export function recipientParams({ recipient }: UnwrapRequest): UnwrapRecipient {
  const encryptedKey = recipient.encryptedKey.toString('base64');
  if (recipient.kind === 'ktri') {
    const { algorithm } = recipient;
    if (algorithm.kind === 'pkcs1v15') return { kind: 'ktri', algorithm, encryptedKey };
    const { hash, mgf1Hash, label } = algorithm;
    return {
      kind: 'ktri',
      algorithm: { kind: 'oaep', hash, mgf1Hash, label: label.toString('base64') },
      encryptedKey,
    };
  }
  const { kind, wrap, wrapParameters } = recipient;
  const ukm = recipient.ukm?.toString('base64') ?? null;
  if (kind === 'kem') {
    const { set, kdf } = recipient;
    const ciphertext = recipient.ciphertext.toString('base64');
    return { kind, set, ciphertext, kdf, ukm, wrap, wrapParameters, encryptedKey };
  }
  const { curve, kdf } = recipient;
  const originatorPublicKey = recipient.originatorPublicKey.toString('base64');
  return { kind, curve, originatorPublicKey, kdf, ukm, wrap, wrapParameters, encryptedKey };
}

async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof IpcUnavailable) throw new Unavailable('keyholder-unavailable', { cause });
    if (cause instanceof IpcRefused) {
      throw new Unavailable(cause.fault ?? 'keyholder-unavailable', { cause });
    }
    throw cause;
  }
}
