import { createHash } from 'node:crypto';
import {
  type CallParams,
  type CallResult,
  connectSocket,
  type IpcClient,
  IpcRefused,
  type KeyClass,
  keyholderInwardProtocol,
  keyholderOutwardProtocol,
  type RecorderProtocol,
  recorderProtocol,
  serveSocket,
} from '@sallyport/ipc';
import type { Logger, Secret } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { useAudited } from './audited-use.ts';
import { type KeyRing, type LoadedKey, loadKeys, loadRejectionSecret } from './key-folder.ts';
import type { KeyholderOptions } from './options.ts';
import { RateLimit } from './rate-limit.ts';
import { signatureScheme } from './signature-scheme.ts';
import { checkAttributeFacts, composeSignedAttributes } from './signed-attributes.ts';
import { digestQuestion, unwrapContentKey } from './unwrap.ts';

type Outward = typeof keyholderOutwardProtocol;
type SignParams = CallParams<Outward, 'sign'>;
type SignResult = CallResult<Outward, 'sign'>;
type UnwrapParams = CallParams<Outward, 'unwrap'>;
type UnwrapResult = CallResult<Outward, 'unwrap'>;

/** What the keyholder gets from outside. */
export interface KeyholderParts {
  readonly options: KeyholderOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A keyholder that answers. */
export interface RunningKeyholder {
  /** Reads the key folder again, after a change of keys. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the keyholder: keys, then one socket for each client role.
 *
 * @throws Error if the rejection secret is not there or not private, or a socket is taken.
 */
export async function startKeyholder(parts: KeyholderParts): Promise<RunningKeyholder> {
  const { options, logger } = parts;
  const keyholder = new Keyholder(parts, await loadRejectionSecret(options.keyFolder));
  await keyholder.reload();
  const shared = {
    unwrap: (params: UnwrapParams) => keyholder.unwrap(params),
    keys: () => keyholder.keys(),
  };
  const outward = await serveSocket({
    path: options.outwardSocket,
    mode: options.socketMode,
    protocol: keyholderOutwardProtocol,
    handlers: { sign: (params) => keyholder.sign(params), ...shared },
    logger,
  });
  const inward = await serveSocket({
    path: options.inwardSocket,
    mode: options.socketMode,
    protocol: keyholderInwardProtocol,
    handlers: shared,
    logger,
  }).catch(async (error: unknown) => {
    await outward.close();
    throw error;
  });
  return {
    reload: () => keyholder.reload(),
    close: async () => {
      await Promise.all([outward.close(), inward.close()]);
      keyholder.close();
    },
  };
}

/** The keys and the one way to each use of them. */
class Keyholder {
  readonly #parts: KeyholderParts;
  readonly #rejectionSecret: Secret;
  readonly #recorder: IpcClient<RecorderProtocol>;
  readonly #signatures: RateLimit;
  readonly #unwraps: RateLimit;
  #ring: KeyRing = new Map();

  constructor(parts: KeyholderParts, rejectionSecret: Secret) {
    const { options, clock } = parts;
    this.#parts = parts;
    this.#rejectionSecret = rejectionSecret;
    this.#recorder = connectSocket({
      path: options.recorderSocket,
      protocol: recorderProtocol,
      deadlineMs: options.recorderDeadlineMs,
    });
    this.#signatures = new RateLimit(options.signaturesPerMinute, clock);
    this.#unwraps = new RateLimit(options.unwrapsPerMinute, clock);
  }

  async reload(): Promise<void> {
    const { options, logger } = this.#parts;
    this.#ring = await loadKeys(options.keyFolder, logger);
    logger.info('keys.loaded', { keys: [...this.#ring.keys()] });
  }

  close(): void {
    this.#recorder.close();
  }

  keys(): CallResult<Outward, 'keys'> {
    return [...this.#ring.values()].flatMap(({ record, certificate, chain }) =>
      certificate === null
        ? []
        : [
            {
              keyId: record.keyId,
              class: record.class,
              state: record.state,
              domain: record.domain,
              certificate: certificate.toString('base64'),
              chain: chain.map((issuer) => issuer.toString('base64')),
            },
          ],
    );
  }

  /** A signature over SignedAttributes that are composed here (RFC 5652 section 5.4). */
  async sign(params: SignParams): Promise<SignResult> {
    const { keyId, queueId, digestAlgorithm, signatureTypes, attributes } = params;
    const { record, privateKey } = this.#keyOf(keyId, 'domain-signing');
    const fixed = record.signedAttributes;
    if (record.state !== 'active' || fixed === null) throw noKey(keyId);
    const digest = Buffer.from(params.digest, 'base64');
    const refusal = checkAttributeFacts({ digestAlgorithm, digest, signatureTypes, attributes });
    if (refusal !== null) throw new IpcRefused(null, refusal);
    const scheme = signatureScheme(privateKey, params);
    if ('refusal' in scheme) throw new IpcRefused(null, scheme.refusal);
    if (!this.#signatures.take(keyId)) throw tooFast(keyId);
    const intent = {
      kind: 'key-intent',
      queueId,
      keyId,
      operation: 'sign',
      digestAlgorithm,
      digest: params.digest,
      signatureTypes,
      ...(attributes.length === 0 ? {} : { attributes: attributes.map(({ kind }) => kind) }),
    } as const;
    return await useAudited(this.#recorder, intent, async () => {
      const signingTime = this.#parts.clock.now();
      const { protection, name } = scheme;
      const facts = { ...params, digest, signingTime, fixed, protection };
      const signedAttrs = composeSignedAttributes(facts);
      const signature = await scheme.sign(signedAttrs);
      return {
        answer: {
          signedAttrs: signedAttrs.toString('base64'),
          signature: signature.toString('base64'),
          signatureAlgorithm: name,
        },
        facts: { signedAttributesDigest: sha256(signedAttrs), signatureDigest: sha256(signature) },
      };
    });
  }

  /** A content key; a wrong one for any failure, with the same records (RFC 3218 section 2.3.2). */
  async unwrap(params: UnwrapParams): Promise<UnwrapResult> {
    const { keyId, queueId } = params;
    const { privateKey } = this.#keyOf(keyId, 'domain-confidentiality');
    if (!this.#unwraps.take(keyId)) throw tooFast(keyId);
    const recipientDigest = digestQuestion(params).toString('hex');
    const intent = {
      kind: 'key-intent',
      queueId,
      keyId,
      operation: 'unwrap',
      recipientDigest,
    } as const;
    return await useAudited(this.#recorder, intent, () => {
      const keys = { privateKey, rejectionSecret: this.#rejectionSecret };
      const key = unwrapContentKey(params, keys).toString('base64');
      return Promise.resolve({ answer: { key }, facts: {} });
    });
  }

  #keyOf(keyId: string, keyClass: KeyClass): LoadedKey {
    const key = this.#ring.get(keyId);
    if (key?.record.class !== keyClass) throw noKey(keyId);
    return key;
  }
}

function noKey(keyId: string): IpcRefused {
  return new IpcRefused('own-key-unavailable', `key ${keyId} is not in use for this`);
}

function tooFast(keyId: string): IpcRefused {
  return new IpcRefused('keyholder-unavailable', `key ${keyId} is used more often than its limit`);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
