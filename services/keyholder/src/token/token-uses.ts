import { never } from '@sallyport/mail';
import type * as Pkcs11 from 'pkcs11js';
import { type Constants, type Cryptoki, codeOf, type OpenKey } from './cryptoki.ts';
import { TOKEN_CURVES } from './token-curves.ts';
import { TokenFault } from './token-fault.ts';
import type { TokenHash, TokenOaep, TokenOrder } from './token-order.ts';

/** RSA of 4,096 bits, and an ECDSA signature of P-521 well below. */
const MAX_RESULT_BYTES = 1_024;
/** CKZ_DATA_SPECIFIED, which the add-on has no name for. */
const LABEL_IS_GIVEN = 1;
const PUBLIC_EXPONENT = Buffer.from([1, 0, 1]);

/** Does one order with the module. @throws TokenFault, or the module's own error. */
export async function useToken(
  cryptoki: Cryptoki,
  order: TokenOrder,
): Promise<readonly Uint8Array[]> {
  const isWriting = order.kind === 'generate';
  return await cryptoki.withKey(order.uri, (key) => useKey(key, order), { isWriting });
}

async function useKey(key: OpenKey, order: TokenOrder): Promise<readonly Uint8Array[]> {
  const { constants } = key;
  switch (order.kind) {
    case 'sign-pkcs1v15':
      return [await sign(key, { mechanism: constants.CKM_RSA_PKCS }, order.digestInfo)];
    case 'sign-pss':
      return [
        await sign(key, pssMechanism(constants, order.hash, order.digest.length), order.digest),
      ];
    case 'sign-ecdsa':
      return [await sign(key, { mechanism: constants.CKM_ECDSA }, order.digest)];
    case 'decrypt':
      return await decrypt(key, order);
    case 'agree':
      return [await agree(key, order)];
    case 'public-key':
      return publicParts(key);
    case 'generate':
      return await generate(key, order);
    default:
      return never(order);
  }
}

async function sign(
  { module, session, find }: OpenKey,
  mechanism: Pkcs11.Mechanism,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  module.C_SignInit(session, mechanism, find('private'));
  return await module.C_SignAsync(session, Buffer.from(bytes), Buffer.alloc(MAX_RESULT_BYTES));
}

function pssMechanism(constants: Constants, hash: TokenHash, saltLen: number): Pkcs11.Mechanism {
  const { mechanism: hashAlg, mgf } = hashesOf(constants)[hash];
  const parameter = { type: constants.CK_PARAMS_RSA_PSS, hashAlg, mgf, saltLen };
  return { mechanism: constants.CKM_RSA_PKCS_PSS, parameter };
}

function hashesOf(constants: Constants) {
  return {
    sha1: { mechanism: constants.CKM_SHA_1, mgf: constants.CKG_MGF1_SHA1 },
    sha224: { mechanism: constants.CKM_SHA224, mgf: constants.CKG_MGF1_SHA224 },
    sha256: { mechanism: constants.CKM_SHA256, mgf: constants.CKG_MGF1_SHA256 },
    sha384: { mechanism: constants.CKM_SHA384, mgf: constants.CKG_MGF1_SHA384 },
    sha512: { mechanism: constants.CKM_SHA512, mgf: constants.CKG_MGF1_SHA512 },
  } as const;
}

/** What tokens say of a value that they could not take a padding off. */
const REJECTIONS: ReadonlySet<string> = new Set([
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
  'CKR_DATA_INVALID',
  'CKR_DATA_LEN_RANGE',
]);

// RSADP first, so that the padding comes off in the keyholder, in constant time, with every hash
// and label. A token that only knows the paddings takes them off itself.
async function decrypt(
  key: OpenKey,
  { value, oaep }: Extract<TokenOrder, { kind: 'decrypt' }>,
): Promise<readonly Uint8Array[]> {
  const { module, constants, session, slot, find } = key;
  const isRaw = module.C_GetMechanismList(slot).includes(constants.CKM_RSA_X_509);
  const mechanism = isRaw ? { mechanism: constants.CKM_RSA_X_509 } : padded(constants, oaep);
  module.C_DecryptInit(session, mechanism, find('private'));
  try {
    const room = Buffer.alloc(MAX_RESULT_BYTES);
    const block = await module.C_DecryptAsync(session, Buffer.from(value), room);
    return [block, Uint8Array.of(isRaw ? 1 : 0)];
  } catch (cause) {
    if (!REJECTIONS.has(codeOf(cause))) throw cause;
    throw new TokenFault('rejected', 'the token does not take the value', { cause });
  }
}

function padded(constants: Constants, oaep: TokenOaep | null): Pkcs11.Mechanism {
  if (oaep === null) return { mechanism: constants.CKM_RSA_PKCS };
  const hashes = hashesOf(constants);
  const parameter = {
    type: constants.CK_PARAMS_RSA_OAEP,
    hashAlg: hashes[oaep.hash].mechanism,
    mgf: hashes[oaep.mgf1Hash].mgf,
    source: LABEL_IS_GIVEN,
    sourceData: Buffer.from(oaep.label),
  };
  return { mechanism: constants.CKM_RSA_PKCS_OAEP, parameter };
}

async function agree(
  { module, constants, session, find }: OpenKey,
  { point, secretBytes }: Extract<TokenOrder, { kind: 'agree' }>,
): Promise<Uint8Array> {
  const parameter = {
    type: constants.CK_PARAMS_EC_DH,
    kdf: constants.CKD_NULL,
    publicData: Buffer.from(point),
  };
  const mechanism = { mechanism: constants.CKM_ECDH1_DERIVE, parameter };
  const derived = await module.C_DeriveKeyAsync(session, mechanism, find('private'), [
    { type: constants.CKA_CLASS, value: constants.CKO_SECRET_KEY },
    { type: constants.CKA_KEY_TYPE, value: constants.CKK_GENERIC_SECRET },
    { type: constants.CKA_VALUE_LEN, value: secretBytes },
    { type: constants.CKA_TOKEN, value: false },
    { type: constants.CKA_SENSITIVE, value: false },
    { type: constants.CKA_EXTRACTABLE, value: true },
  ]);
  try {
    const [secret] = module.C_GetAttributeValue(session, derived, [{ type: constants.CKA_VALUE }]);
    return bytesOf(secret);
  } finally {
    module.C_DestroyObject(session, derived);
  }
}

function publicParts({ module, constants, session, find }: OpenKey): readonly Uint8Array[] {
  const object = find('public');
  const read = (...types: number[]): readonly Uint8Array[] =>
    module
      .C_GetAttributeValue(
        session,
        object,
        types.map((type) => ({ type })),
      )
      .map(bytesOf);
  try {
    return read(constants.CKA_EC_PARAMS, constants.CKA_EC_POINT);
  } catch {
    return read(constants.CKA_MODULUS, constants.CKA_PUBLIC_EXPONENT);
  }
}

function bytesOf(attribute: { readonly value?: unknown } | undefined): Buffer {
  const value = attribute?.value;
  if (Buffer.isBuffer(value)) return value;
  throw new TokenFault('no-key', 'the token does not give the attribute');
}

async function generate(
  key: OpenKey,
  { algorithm, use, uri: text }: Extract<TokenOrder, { kind: 'generate' }>,
): Promise<readonly Uint8Array[]> {
  const { module, constants, session, uri } = key;
  const curve = TOKEN_CURVES.find((one) => one.algorithm === algorithm);
  const isSigning = use === 'sign';
  refuseTaken(key, text);
  const named = [
    { type: constants.CKA_TOKEN, value: true },
    ...(uri.object === undefined ? [] : [{ type: constants.CKA_LABEL, value: uri.object }]),
    ...(uri.id === undefined ? [] : [{ type: constants.CKA_ID, value: uri.id }]),
  ];
  const kind =
    curve === undefined
      ? [
          { type: constants.CKA_MODULUS_BITS, value: Number(algorithm.slice('rsa-'.length)) },
          { type: constants.CKA_PUBLIC_EXPONENT, value: PUBLIC_EXPONENT },
          { type: constants.CKA_VERIFY, value: isSigning },
          { type: constants.CKA_ENCRYPT, value: !isSigning },
        ]
      : [
          { type: constants.CKA_EC_PARAMS, value: curve.parameters },
          { type: constants.CKA_VERIFY, value: isSigning },
        ];
  const receiving = curve === undefined ? constants.CKA_DECRYPT : constants.CKA_DERIVE;
  const mechanism =
    curve === undefined ? constants.CKM_RSA_PKCS_KEY_PAIR_GEN : constants.CKM_EC_KEY_PAIR_GEN;
  await module.C_GenerateKeyPairAsync(
    session,
    { mechanism },
    [...named, ...kind],
    [
      ...named,
      { type: constants.CKA_PRIVATE, value: true },
      { type: constants.CKA_SENSITIVE, value: true },
      { type: constants.CKA_EXTRACTABLE, value: false },
      { type: constants.CKA_SIGN, value: isSigning },
      { type: receiving, value: !isSigning },
    ],
  );
  return publicParts(key);
}

function refuseTaken({ find }: OpenKey, text: string): void {
  try {
    find('private');
  } catch (error) {
    if (error instanceof TokenFault && error.kind === 'no-key') return;
    throw error;
  }
  throw new TokenFault('rejected', `the token has a key ${text} already`);
}
