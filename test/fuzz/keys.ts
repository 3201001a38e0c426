import { createHash } from 'node:crypto';
import {
  type KeyUnwrapper,
  MESSAGE_LIMITS,
  type OpenOptions,
  type OwnRecipient,
  type UnwrapRequest,
} from '@sallyport/domsec';
import { unwrapRecipientSchema } from '@sallyport/ipc';
import { Secret } from '@sallyport/log';
import { unwrapContentKey } from '../../services/keyholder/src/unwrap.ts';
import { corpusIdentities } from './corpus.ts';

const MAX_KEPT_ANSWERS = 20_000;

const identities = new Map(corpusIdentities().map((one) => [one.name, one]));

/** The domain decryption keys of the corpus. */
export const OWN: readonly OwnRecipient[] = ['dca-rsa', 'dca-ec'].flatMap((keyId) => {
  const certificate = identities.get(keyId)?.certificate;
  return certificate === undefined ? [] : [{ keyId, certificate }];
});

const secretOf = (text: string): Secret => new Secret(createHash('sha256').update(text).digest());
const SECRET = secretOf('a secret of the tests');
const OTHER_SECRET = secretOf('another');

/** Bytes as base64, and the one field that the socket's schema names in another way. */
function onTheWire(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries<unknown>({ ...value }).map(([name, field]) =>
    name === 'kdfHash' ? ['kdf', { hash: field }] : [name, onTheWire(field)],
  );
  return Object.fromEntries(fields);
}

const answers = new Map<string, Buffer>();

/**
 * The keyholder's own function behind its own schema. What a stranger wrote must pass that schema:
 * a refusal there is an outage to the caller, and mail that nobody can open would be tried for days.
 */
export const UNWRAPPER: KeyUnwrapper = {
  unwrap: async (request) => await Promise.resolve(answerTo(request, SECRET)),
};

/** As a worker opens what it is given. */
export const OPEN_OPTIONS: OpenOptions = {
  ownRecipients: OWN,
  unwrapper: UNWRAPPER,
  mayOpen: () => Promise.resolve(true),
  knownCertificates: [],
  limits: MESSAGE_LIMITS,
};

/** The content key; null for a wrong one, which is known by its changing with the secret. */
export function unwrapOrNull(request: UnwrapRequest): Buffer | null {
  const key = answerTo(request, SECRET);
  return key.equals(ask(request, OTHER_SECRET)) ? key : null;
}

function answerTo(request: UnwrapRequest, secret: Secret): Buffer {
  const question = JSON.stringify([request.keyId, request.keyBytes, onTheWire(request.recipient)]);
  const kept = answers.get(question);
  if (kept !== undefined) return kept;
  const key = ask(request, secret);
  if (answers.size > MAX_KEPT_ANSWERS) answers.clear();
  answers.set(question, key);
  return key;
}

function ask({ keyId, keyBytes, recipient }: UnwrapRequest, secret: Secret): Buffer {
  const privateKey = identities.get(keyId)?.key;
  if (privateKey === undefined) throw new Error(`no key ${keyId}`);
  const parsed = unwrapRecipientSchema.parse(onTheWire(recipient));
  const keys = { privateKey, rejectionSecret: secret };
  const key = unwrapContentKey({ keyId, keyBytes, recipient: parsed }, keys);
  if (key.length !== keyBytes) throw new Error('a content key of another length');
  return key;
}
