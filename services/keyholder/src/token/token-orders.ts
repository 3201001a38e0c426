import { type KeyObject, randomBytes } from 'node:crypto';
import {
  type CallParams,
  type CallResult,
  canBeOnToken,
  fitsKeyClass,
  formatTokenUri,
  IpcRefused,
  keyAlgorithmOf,
  type keyholderOperatorProtocol,
} from '@sallyport/ipc';
import type { Token } from './token.ts';
import { TokenFault } from './token-fault.ts';

type Operator = typeof keyholderOperatorProtocol;
type TokenKeyResult = CallResult<Operator, 'tokenKey'>;

const ID_BYTES = 16;

/** The operator asks what a key on the token is. @throws IpcRefused with a sentence */
export async function readTokenKey(
  token: Token | null,
  { uri }: CallParams<Operator, 'tokenKey'>,
): Promise<TokenKeyResult> {
  return await ordered(token, async (known) => described(uri, await known.publicKeyOf(uri)));
}

/** The operator has a key pair made on the token. @throws IpcRefused with a sentence */
export async function generateOnToken(
  token: Token | null,
  params: CallParams<Operator, 'generateOnToken'>,
): Promise<TokenKeyResult> {
  const { algorithm, label } = params;
  if (!canBeOnToken(algorithm)) {
    throw new IpcRefused(null, `a ${algorithm} key cannot be used on a token`);
  }
  if (!fitsKeyClass(algorithm, params.class)) {
    throw new IpcRefused(null, `a ${algorithm} key cannot serve ${params.class}`);
  }
  const use = params.class === 'domain-confidentiality' ? 'receive' : 'sign';
  return await ordered(token, async (known) => {
    const uri = formatTokenUri({ token: params.token, object: label, id: randomBytes(ID_BYTES) });
    return described(uri, await known.generate({ uri, algorithm, use }));
  });
}

function described(uri: string, publicKey: KeyObject): TokenKeyResult {
  const algorithm = keyAlgorithmOf(publicKey);
  if (algorithm === null) {
    throw new IpcRefused(null, `${uri} is a key of a kind that a gateway does not use`);
  }
  const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  return { uri, algorithm, spki };
}

async function ordered<T>(token: Token | null, order: (token: Token) => Promise<T>): Promise<T> {
  if (token === null) throw new IpcRefused(null, 'the config names no token (keys.token)');
  try {
    return await order(token);
  } catch (error) {
    if (!(error instanceof TokenFault)) throw error;
    throw new IpcRefused('own-key-unavailable', error.message, { cause: error });
  }
}
