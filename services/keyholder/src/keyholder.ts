import { createHash } from 'node:crypto';
import {
  type CallParams,
  type CallResult,
  connectSocket,
  type Handlers,
  type IpcClient,
  IpcRefused,
  type KeyClass,
  KeyFiles,
  type keyholderConsoleProtocol,
  type keyholderOperatorProtocol,
  type keyholderOutwardProtocol,
  type QuarantinedKey,
  type RecorderProtocol,
  recorderProtocol,
} from '@sallyport/ipc';
import { type Logger, Metrics, type Secret } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { type AuditedRecorder, useAudited } from './audited-use.ts';
import { consoleHandlers } from './console.ts';
import { composeDkim } from './dkim.ts';
import type { KeyFacts } from './health.ts';
import {
  type KeyRing,
  type KeyStores,
  type LoadedKey,
  loadKeyForRequest,
  loadKeys,
} from './key-folder.ts';
import { LeavingKeys } from './leaving-keys.ts';
import { operatorHandlers } from './operator.ts';
import type { KeyholderOptions } from './options.ts';
import { QuarantineRecord } from './quarantine-record.ts';
import { RateLimit } from './rate-limit.ts';
import { signatureScheme } from './signature-scheme.ts';
import { checkAttributeFacts, composeSignedAttributes } from './signed-attributes.ts';
import { Token } from './token/token.ts';
import { TokenKey } from './token/token-key.ts';
import { unwrapOnToken } from './token/token-unwrap.ts';
import { digestQuestion, unwrapContentKey } from './unwrap.ts';

type Outward = typeof keyholderOutwardProtocol;
type SignParams = CallParams<Outward, 'sign'>;
type SignResult = CallResult<Outward, 'sign'>;
type DkimParams = CallParams<Outward, 'signDkim'>;
type DkimResult = CallResult<Outward, 'signDkim'>;
type UnwrapParams = CallParams<Outward, 'unwrap'>;
type UnwrapResult = CallResult<Outward, 'unwrap'>;

/** What the keyholder gets from outside. */
export interface KeyholderParts {
  readonly options: KeyholderOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The keys and the one way to each use of them. */
export class Keyholder {
  readonly metrics = new Metrics('keyholder');
  readonly #parts: KeyholderParts;
  readonly #rejectionSecret: Secret;
  readonly #recorder: IpcClient<RecorderProtocol> & AuditedRecorder;
  readonly #signatures: RateLimit;
  readonly #unwraps: RateLimit;
  readonly #token: Token | null;
  readonly #quarantine: QuarantineRecord;
  readonly #leaving = new LeavingKeys();
  #ring: KeyRing = new Map();
  #quarantined: readonly QuarantinedKey[] = [];

  constructor(parts: KeyholderParts, rejectionSecret: Secret) {
    const { options, clock } = parts;
    this.#parts = parts;
    this.#rejectionSecret = rejectionSecret;
    const recorder = connectSocket({
      path: options.recorderSocket,
      protocol: recorderProtocol,
      deadlineMs: options.recorderDeadlineMs,
    });
    this.#recorder = { ...recorder, metrics: this.metrics };
    this.#signatures = new RateLimit(options.signaturesPerMinute, clock);
    this.#unwraps = new RateLimit(options.unwrapsPerMinute, clock);
    this.#token = options.token === undefined ? null : new Token(options.token, parts.logger);
    this.#quarantine = new QuarantineRecord(this.#recorder, parts.logger);
  }

  async reload(): Promise<void> {
    const { logger } = this.#parts;
    this.#token?.reload();
    const { ring, quarantined } = await loadKeys(this.#stores(), logger);
    this.#leaving.replace(this.#ring, ring, this.#parts.clock.now());
    this.#ring = ring;
    this.#quarantined = quarantined;
    logger.info('keys.loaded', { keys: [...this.#ring.keys()] });
    this.#quarantine.tell(quarantined);
  }

  // Anew for each reading: the secret that files are sealed under is not kept.
  #stores(): KeyStores {
    const { keyFolder, seal } = this.#parts.options;
    return { files: new KeyFiles(keyFolder, seal ?? null), token: this.#token };
  }

  async close(): Promise<void> {
    this.#quarantine.close();
    this.#recorder.close();
    await this.#token?.close();
  }

  operatorHandlers(): Handlers<typeof keyholderOperatorProtocol> {
    const { logger, clock } = this.#parts;
    return operatorHandlers({
      reload: () => this.reload(),
      keyIds: () => this.#ring.keys(),
      requestKey: (keyId) => loadKeyForRequest(this.#stores(), keyId, logger),
      token: this.#token,
      recorder: this.#recorder,
      clock,
      signingKey: (keyId) => this.#signingKeyOf(keyId),
    });
  }

  // The same `signCsr`, and so one limit for both sockets.
  consoleHandlers(
    signCsr: Handlers<typeof keyholderConsoleProtocol>['signCsr'],
  ): Handlers<typeof keyholderConsoleProtocol> {
    const { keyFolder } = this.#parts.options;
    const files = new KeyFiles(keyFolder, null);
    return consoleHandlers({ files, quarantined: () => this.#quarantined, signCsr });
  }

  facts(): KeyFacts {
    const isTokenAway = this.#token?.isAway ?? false;
    return { ring: this.#ring, quarantined: this.#quarantined, isTokenAway };
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
    const { record, privateKey } =
      this.#leaving.find(keyId, this.#parts.clock.now()) ?? this.#signingKeyOf(keyId);
    const fixed = record.signedAttributes;
    if (fixed === null) throw noKey(keyId);
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

  dkimKeys(): CallResult<Outward, 'dkimKeys'> {
    return [...this.#ring.values()].flatMap(({ record }) => {
      const { keyId, class: keyClass, state, domain, dkimSelector: selector } = record;
      const isInUse = keyClass === 'dkim' && state === 'active' && selector !== undefined;
      return isInUse ? [{ keyId, domain, selector }] : [];
    });
  }

  /** A DKIM-Signature field of the key's own domain, composed here (RFC 6376 section 3.5). */
  async signDkim(params: DkimParams): Promise<DkimResult> {
    const { keyId, queueId, bodyHash } = params;
    const now = this.#parts.clock.now();
    const key = this.#leaving.find(keyId, now) ?? this.#keyOf(keyId, 'dkim');
    if (key.record.class !== 'dkim') throw noKey(keyId);
    const composed = composeDkim(key, params, now);
    if ('refusal' in composed) throw new IpcRefused(null, composed.refusal);
    if (!this.#signatures.take(keyId)) throw tooFast(keyId);
    const intent = {
      kind: 'key-intent',
      queueId,
      keyId,
      operation: 'sign-dkim',
      digestAlgorithm: 'sha256',
      digest: bodyHash,
      contentDigest: sha256(composed.input),
    } as const;
    return await useAudited(this.#recorder, intent, async () => {
      const { signature, field } = await composed.sign();
      return { answer: { field }, facts: { signatureDigest: sha256(signature) } };
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
    return await useAudited(this.#recorder, intent, async () => {
      const rejectionSecret = this.#rejectionSecret;
      const key =
        privateKey instanceof TokenKey
          ? await unwrapOnToken(params, { privateKey, rejectionSecret })
          : unwrapContentKey(params, { privateKey, rejectionSecret });
      return { answer: { key: key.toString('base64') }, facts: {} };
    });
  }

  #signingKeyOf(keyId: string): LoadedKey {
    const key = this.#keyOf(keyId, 'domain-signing');
    if (key.record.state !== 'active') throw noKey(keyId);
    return key;
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
