import assert from 'node:assert/strict';
import {
  constants,
  createECDH,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { IpcRefused, type UnwrapRecipient } from '@sallyport/ipc';
import { createLogger, Secret } from '@sallyport/log';
import { signatureScheme } from '../../services/keyholder/src/signature-scheme.ts';
import { Token } from '../../services/keyholder/src/token/token.ts';
import { TokenKey } from '../../services/keyholder/src/token/token-key.ts';
import { generateOnToken, readTokenKey } from '../../services/keyholder/src/token/token-orders.ts';
import { unwrapOnToken } from '../../services/keyholder/src/token/token-unwrap.ts';
import { unwrapContentKey } from '../../services/keyholder/src/unwrap.ts';
import {
  buildSleepingModule,
  type SoftHsm,
  skipWithoutToken,
  startSoftHsm,
} from '../harness/softhsm.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithoutToken();
const rejectionSecret = new Secret(Buffer.alloc(32, 7));
const lines: string[] = [];
const logger = createLogger({
  service: 'test',
  now: () => new Date(0),
  write: (line) => lines.push(line),
});

interface Pair {
  readonly uri: string;
  readonly publicKey: KeyObject;
  /** The same key in memory, to compare with; null if it was made on the token. */
  readonly privateKey: KeyObject | null;
}

describe('keys on a PKCS#11 token', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let hsm: SoftHsm;
  let token: Token;
  let rsa: Pair;
  let ec: Pair;
  let receiving: Pair;

  before(async () => {
    hsm = stack.use(await startSoftHsm());
    Object.assign(process.env, hsm.environment);
    token = tokenOf();
    rsa = await imported('rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }));
    ec = await imported('ec', generateKeyPairSync('ec', { namedCurve: 'P-384' }));
    const { uri } = await made('domain-confidentiality', 'ec-p256', 'receiving');
    receiving = { uri, publicKey: await token.publicKeyOf(uri), privateKey: null };
  });
  after(() => stack.disposeAsync());

  const tokenOf = (pinFile = hsm.pinFile): Token => {
    const { moduleFile } = hsm;
    const made = new Token({ moduleFile, pinFile, sessions: 3, timeoutMs: 20_000 }, logger);
    stack.defer(() => made.close());
    return made;
  };
  const imported = async (
    name: string,
    { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  ): Promise<Pair> => {
    const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    return { uri: await hsm.importKey(name, pem), publicKey, privateKey };
  };
  const made = async (
    keyClass: 'domain-signing' | 'domain-confidentiality',
    algorithm: 'rsa-2048' | 'ec-p256',
    label: string,
  ) => await generateOnToken(token, { class: keyClass, algorithm, token: hsm.label, label });
  const keyOf = ({ uri, publicKey }: Pair, from = token): TokenKey =>
    new TokenKey({ token: from, uri, publicKey });
  const signed = async (key: TokenKey, choice: Parameters<typeof signatureScheme>[1]) => {
    const scheme = signatureScheme(key, choice);
    assert.ok('sign' in scheme);
    const bytes = randomBytes(200);
    return { bytes, signature: await scheme.sign(bytes), name: scheme.name };
  };

  test('a token signs RSASSA-PKCS1-v1_5, RSASSA-PSS and ECDSA as the keyholder itself does', async () => {
    for (const digestAlgorithm of ['sha256', 'sha384', 'sha512'] as const) {
      const plain = await signed(keyOf(rsa), { digestAlgorithm });
      assert.equal(plain.name, `rsa-${digestAlgorithm}`);
      assert.ok(verify(digestAlgorithm, plain.bytes, rsa.publicKey, plain.signature));
      const pss = await signed(keyOf(rsa), { digestAlgorithm, rsaPadding: 'pss' });
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      const how = { key: rsa.publicKey, padding, saltLength };
      assert.ok(verify(digestAlgorithm, pss.bytes, how, pss.signature));
      const ecdsa = await signed(keyOf(ec), { digestAlgorithm });
      assert.ok(verify(digestAlgorithm, ecdsa.bytes, ec.publicKey, ecdsa.signature));
    }
  });

  test('what other key pairs sign does not leave: the certificate is the measure', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const scheme = signatureScheme(keyOf({ ...rsa, publicKey }), { digestAlgorithm: 'sha256' });
    assert.ok('sign' in scheme);
    await assert.rejects(scheme.sign(Buffer.from('x')), /not one of the key in the certificate/);
  });

  const question = (recipient: UnwrapRecipient) =>
    ({ keyId: 'key', keyBytes: 32, recipient }) as const;
  const ktri = (encryptedKey: Buffer, kind: 'pkcs1v15' | 'oaep' = 'pkcs1v15'): UnwrapRecipient => ({
    kind: 'ktri',
    algorithm:
      kind === 'oaep'
        ? { kind, hash: 'sha256', mgf1Hash: 'sha1', label: Buffer.from('label').toString('base64') }
        : { kind },
    encryptedKey: encryptedKey.toString('base64'),
  });
  const both = async (recipient: UnwrapRecipient): Promise<readonly [Buffer, Buffer]> => {
    assert.ok(rsa.privateKey);
    const onToken = await unwrapOnToken(question(recipient), {
      privateKey: keyOf(rsa),
      rejectionSecret,
    });
    const keys = { privateKey: rsa.privateKey, rejectionSecret };
    return [onToken, unwrapContentKey(question(recipient), keys)];
  };

  test('a token opens RSA key transport: PKCS#1 v1.5 and OAEP with hashes and label', async () => {
    const cek = randomBytes(32);
    const v15 = publicEncrypt({ key: rsa.publicKey, padding: constants.RSA_PKCS1_PADDING }, cek);
    assert.deepEqual(await both(ktri(v15)), [cek, cek]);
    const oaep = publicEncrypt(
      { key: rsa.publicKey, oaepHash: 'sha1', oaepLabel: Buffer.from('label') },
      cek,
    );
    const sha1 = ktri(oaep, 'oaep');
    assert.ok(sha1.kind === 'ktri' && sha1.algorithm.kind === 'oaep');
    const recipient = { ...sha1, algorithm: { ...sha1.algorithm, hash: 'sha1' } } as const;
    assert.deepEqual(await both(recipient), [cek, cek]);
  });

  test('RFC 3218 2.3.2: whatever is wrong gets the same wrong key as from a key in a file', async () => {
    const key = rsa.publicKey;
    const cek = (bytes: number) =>
      publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, randomBytes(bytes));
    const wrong = [
      ktri(cek(16)),
      ktri(cek(33)),
      ktri(Buffer.alloc(256)),
      ktri(Buffer.alloc(256, 0xff)),
      ktri(Buffer.alloc(255, 1)),
      ktri(Buffer.alloc(0)),
      ktri(publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.alloc(256, 1))),
      ktri(cek(32), 'oaep'),
    ];
    for (const [at, recipient] of wrong.entries()) {
      const [onToken, inFile] = await both(recipient);
      assert.equal(onToken.length, 32);
      assert.deepEqual(onToken, inFile, `wrong key ${at}`);
    }
    // The sessions are as good as before.
    assert.equal((await signed(keyOf(rsa), { digestAlgorithm: 'sha256' })).signature.length, 256);
  });

  test('a token agrees on a secret with ECDH; a point off the curve never reaches it', async () => {
    const ephemeral = createECDH('prime256v1');
    const point = ephemeral.generateKeys();
    const { x = '', y = '' } = receiving.publicKey.export({ format: 'jwk' });
    const peer = Buffer.concat([
      Buffer.from([4]),
      Buffer.from(x, 'base64url'),
      Buffer.from(y, 'base64url'),
    ]);
    const shared = await keyOf(receiving).agree(point, 32);
    assert.deepEqual(shared, ephemeral.computeSecret(peer));
    const off = Buffer.from(point);
    off[64] = (off[64] ?? 0) ^ 1;
    const recipient: UnwrapRecipient = {
      kind: 'kari',
      curve: 'p256',
      originatorPublicKey: off.toString('base64'),
      kdf: { kind: 'x963', hash: 'sha256' },
      ukm: null,
      wrap: 'aes256',
      encryptedKey: randomBytes(40).toString('base64'),
    };
    const keys = { privateKey: keyOf(receiving), rejectionSecret };
    const first = await unwrapOnToken(question(recipient), keys);
    assert.deepEqual(await unwrapOnToken(question(recipient), keys), first);
  });

  test('a key pair made on the token signs, and its record can be made from what it answers', async () => {
    const answer = await made('domain-signing', 'rsa-2048', 'made here');
    assert.equal(answer.algorithm, 'rsa-2048');
    assert.match(
      answer.uri,
      /^pkcs11:token=gateway;object=made%20here;id=(%[0-9A-F]{2}){16};type=private$/,
    );
    assert.deepEqual(await readTokenKey(token, { uri: answer.uri }), answer);
    const publicKey = await token.publicKeyOf(answer.uri);
    const key = keyOf({ uri: answer.uri, publicKey, privateKey: null });
    await signed(key, { digestAlgorithm: 'sha256' });
    await assert.rejects(
      readTokenKey(token, { uri: 'pkcs11:token=gateway;object=nobody' }),
      /holds no public key/,
    );
  });

  test('uses run side by side, more of them than there are sessions', async () => {
    const key = keyOf(rsa);
    const all = await Promise.all(
      Array.from({ length: 40 }, () => signed(key, { digestAlgorithm: 'sha256' })),
    );
    assert.equal(new Set(all.map(({ signature }) => signature.toString('hex'))).size, 40);
  });

  test('a token pulled out is a temporary fault of every use, and put back it works again', async () => {
    const isDeferred = (error: unknown): boolean =>
      error instanceof IpcRefused && error.fault === 'own-key-unavailable';
    const cek = randomBytes(32);
    const padding = constants.RSA_PKCS1_PADDING;
    const recipient = ktri(publicEncrypt({ key: rsa.publicKey, padding }, cek));
    await hsm.unplug();
    const uses = [
      () => signed(keyOf(rsa), { digestAlgorithm: 'sha256' }),
      () => both(recipient),
      () => keyOf(receiving).agree(receiving.publicKey.export({ format: 'der', type: 'spki' }), 32),
    ];
    for (const use of uses) await assert.rejects(use(), isDeferred);
    // No longer than a rest, and without a restart of anything.
    await hsm.plugIn();
    const answers = await waitFor(
      () =>
        both(recipient).catch((error: unknown) =>
          isDeferred(error) ? null : Promise.reject(error),
        ),
      { what: 'the token in use again', timeoutMs: 5_000 },
    );
    assert.deepEqual(answers, [cek, cek]);
    assert.equal(lines.filter((line) => line.includes('"token.away"')).length, 1);
    assert.equal(lines.filter((line) => line.includes('"token.back"')).length, 1);
  });

  test('a PIN that the token refused is not tried again until the operator says so', async () => {
    const pinFile = `${hsm.pinFile}-wrong`;
    await writeFile(pinFile, '000000\n', { mode: 0o600 });
    // PIN tries count for all of the process: a token of its own.
    const other = tokenOf(pinFile);
    // The login of one session holds for all of the process, so the first one must not be there.
    await token.close();
    const use = () => signed(keyOf(rsa, other), { digestAlgorithm: 'sha256' });
    await assert.rejects(use(), /refuses the PIN \(CKR_PIN_INCORRECT\)/);
    for (let number = 0; number < 20; number += 1)
      await assert.rejects(use(), /was refused before/);
    await writeFile(pinFile, await readFile(hsm.pinFile), { mode: 0o600 });
    await use();
    await other.close();
  });

  test('a token that only knows paddings takes them off, and what it rejects gets a wrong key', async () => {
    await hsm.limit('CKM_RSA_PKCS,CKM_RSA_PKCS_OAEP');
    const other = tokenOf();
    const cek = randomBytes(32);
    const padding = constants.RSA_PKCS1_PADDING;
    const unwrap = (recipient: UnwrapRecipient) =>
      unwrapOnToken(question(recipient), { privateKey: keyOf(rsa, other), rejectionSecret });
    const good = ktri(publicEncrypt({ key: rsa.publicKey, padding }, cek));
    assert.deepEqual(await unwrap(good), cek);
    const short = ktri(publicEncrypt({ key: rsa.publicKey, padding }, randomBytes(24)));
    const wrong = await unwrap(short);
    assert.equal(wrong.length, 32);
    assert.deepEqual(await unwrap(short), wrong);
    await other.close();
    await hsm.limit('ALL');
  });

  test('a module that stands still makes its own uses wait, and nothing else', async () => {
    const moduleFile = await buildSleepingModule(hsm.folder);
    const options = { moduleFile, pinFile: hsm.pinFile, sessions: 1, timeoutMs: 400 };
    const asleep = new Token(options, logger);
    stack.defer(() => asleep.close());
    const order: string[] = [];
    const use = signed(keyOf(rsa, asleep), { digestAlgorithm: 'sha256' }).catch(
      (error: unknown) => {
        order.push(`token: ${error instanceof Error ? error.message : ''}`);
      },
    );
    const inFile = signatureScheme(rsa.privateKey ?? rsa.publicKey, { digestAlgorithm: 'sha256' });
    assert.ok('sign' in inFile);
    for (let number = 0; number < 20; number += 1) {
      await inFile.sign(Buffer.from('x'));
      order.push('file');
    }
    await use;
    assert.equal(order.indexOf('token: the token did not answer within 400 ms'), 20);
  });

  test('a module that is not there is named', async () => {
    const options = { pinFile: hsm.pinFile, sessions: 1, timeoutMs: 20_000 };
    const absent = new Token({ ...options, moduleFile: `${hsm.pinFile}.so` }, logger);
    stack.defer(() => absent.close());
    await assert.rejects(
      signed(keyOf(rsa, absent), { digestAlgorithm: 'sha256' }),
      /the PKCS#11 module .*pin\.so cannot be loaded/,
    );
  });
});
