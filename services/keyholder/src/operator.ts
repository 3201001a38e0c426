import { createHash } from 'node:crypto';
import type { KeyholderOperation } from '@sallyport/audit-log';
import {
  certificationRequestInfo,
  encodeMailboxNames,
  OID,
  type StructureSignature,
  signedStructure,
} from '@sallyport/der';
import {
  type CallParams,
  type CallResult,
  type DigestAlgorithm,
  type Handlers,
  IpcRefused,
  type keyholderOperatorProtocol,
} from '@sallyport/ipc';
import { type Clock, newQueueId } from '@sallyport/mail';
import { type AuditedRecorder, useAudited } from './audited-use.ts';
import type { LoadedKey } from './key-folder.ts';
import { publicKeyOf } from './private-key.ts';
import { RateLimit } from './rate-limit.ts';
import { signatureScheme } from './signature-scheme.ts';
import { composeStatement } from './statement.ts';
import type { Token } from './token/token.ts';
import { generateOnToken, readTokenKey } from './token/token-orders.ts';

type Operator = typeof keyholderOperatorProtocol;

/** What the orders of the operator need. */
export interface OperatorParts {
  /** Reads the key folder again. */
  reload(): Promise<void>;
  /** Keys that are in use. */
  keyIds(): Iterable<string>;
  /** A key that a certificate may be asked for, read from the folder at this moment. */
  requestKey(keyId: string): Promise<LoadedKey | { readonly refusal: string }>;
  /** Null if the config names no token. */
  readonly token: Token | null;
  readonly recorder: AuditedRecorder;
  readonly clock: Clock;
  /** A key that is active for domain signatures. @throws IpcRefused if there is none of that id. */
  signingKey(keyId: string): LoadedKey;
}

const ORDERS_PER_MINUTE = 60;
const DIGITAL_SIGNATURE = 0;
const KEY_ENCIPHERMENT = 2;
const KEY_AGREEMENT = 4;

/** The methods of the operator's socket. Each composes what it signs from typed fields. */
export function operatorHandlers(parts: OperatorParts): Handlers<Operator> {
  const limit = new RateLimit(ORDERS_PER_MINUTE, parts.clock);
  const take = (order: KeyholderOperation | 'token'): void => {
    if (limit.take(order)) return;
    throw new IpcRefused('keyholder-unavailable', 'the operator asks more often than the limit');
  };
  return {
    reload: async () => {
      await parts.reload();
      return { keyIds: [...parts.keyIds()] };
    },
    signCsr: async (params) => {
      take('sign-request');
      return await signCsr(parts, params);
    },
    signStatement: async (params) => {
      take('sign-statement');
      return await signStatement(parts, params);
    },
    tokenKey: async (params) => {
      take('token');
      return await readTokenKey(parts.token, params);
    },
    generateOnToken: async (params) => {
      take('token');
      return await generateOnToken(parts.token, params);
    },
  };
}

async function signCsr(
  { requestKey, recorder, clock }: OperatorParts,
  { keyId, organization }: CallParams<Operator, 'signCsr'>,
): Promise<CallResult<Operator, 'signCsr'>> {
  const key = await requestKey(keyId);
  if ('refusal' in key) throw new IpcRefused('own-key-unavailable', key.refusal);
  const body = requestBody(key, organization);
  const scheme = signatureScheme(key.privateKey, { digestAlgorithm: digestFor(key) });
  if ('refusal' in scheme) throw new IpcRefused(null, scheme.refusal);
  const name = structureSignature(scheme.name);
  const intent = {
    kind: 'key-intent',
    queueId: newQueueId(clock.now()),
    keyId,
    operation: 'sign-request',
    contentDigest: createHash('sha256').update(body).digest('hex'),
  } as const;
  return await useAudited(recorder, intent, async () => {
    const signature = await scheme.sign(body);
    const signatureDigest = createHash('sha256').update(signature).digest('hex');
    const csr = signedStructure(body, name, signature).toString('base64');
    return { answer: { csr }, facts: { signatureDigest } };
  });
}

async function signStatement(
  { signingKey, recorder, clock }: OperatorParts,
  params: CallParams<Operator, 'signStatement'>,
): Promise<CallResult<Operator, 'signStatement'>> {
  const now = clock.now();
  const statement = composeStatement(signingKey(params.keyId), params, now);
  if ('refusal' in statement) throw new IpcRefused(null, statement.refusal);
  const intent = {
    kind: 'key-intent',
    queueId: newQueueId(now),
    keyId: params.keyId,
    operation: 'sign-statement',
    contentDigest: createHash('sha256').update(statement.signingInput).digest('hex'),
  } as const;
  return await useAudited(recorder, intent, async () => {
    const signature = await statement.sign();
    const signatureDigest = createHash('sha256').update(signature).digest('hex');
    const jws = `${statement.signingInput}.${signature.toString('base64url')}`;
    return { answer: { jws }, facts: { signatureDigest } };
  });
}

// A SEQUENCE that begins with version 0: never a SignedAttributes SET, a JWS or a certificate.
function requestBody(
  { record, privateKey }: LoadedKey,
  organization: CallParams<Operator, 'signCsr'>['organization'],
): Buffer {
  const cn = authorityOf(record.class);
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  const usage =
    record.class === 'domain-signing'
      ? DIGITAL_SIGNATURE
      : isRsa
        ? KEY_ENCIPHERMENT
        : KEY_AGREEMENT;
  return certificationRequestInfo({
    subject: { ...organization, cn },
    spki: publicKeyOf(privateKey).export({ format: 'der', type: 'spki' }),
    altNames: encodeMailboxNames([`${cn}@${record.domain}`]),
    keyUsage: [usage],
    extendedKeyUsage: [OID.emailProtection],
  });
}

/** RFC 3183 sections 3.1.1 and 4.1: the only names that a key of ours asks for. */
function authorityOf(keyClass: LoadedKey['record']['class']): string {
  if (keyClass === 'domain-signing') return 'domain-signing-authority';
  if (keyClass === 'domain-confidentiality') return 'domain-confidentiality-authority';
  throw new IpcRefused('own-key-unavailable', `a ${keyClass} key has no certificate`);
}

function digestFor({ record }: LoadedKey): DigestAlgorithm {
  if (record.algorithm.startsWith('rsa-') || record.algorithm === 'ec-p256') return 'sha256';
  return record.algorithm === 'ec-p384' ? 'sha384' : 'sha512';
}

function structureSignature(
  name: StructureSignature | `rsa-pss-${DigestAlgorithm}`,
): StructureSignature {
  switch (name) {
    case 'rsa-pss-sha256':
    case 'rsa-pss-sha384':
    case 'rsa-pss-sha512':
      throw new Error('a request is not signed with PSS');
    default:
      return name;
  }
}
