import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  encapsulate,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { recentEvents } from '@sallyport/audit-log';
import { DerReader, der, OID, readTlv } from '@sallyport/der';
import {
  connectSocket,
  IpcRefused,
  type KeyRecord,
  keyholderInwardProtocol,
  keyholderOutwardProtocol,
  keyRecordSchema,
  REJECTION_SECRET_FILE,
  recorderProtocol,
  type UnwrapRecipient,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { startKeyholder } from './keyholder.ts';
import { type KeyholderOptions, keyholderOptionsSchema } from './options.ts';

const run = promisify(execFile);
const openssl = (...args: string[]) => run('openssl', args);
const clock = { now: () => new Date() };
const content = Buffer.from('Content-Type: text/plain\r\n\r\nhello\r\n');
let root = '';
let count = 0;
let recorder: ChildProcess;
let recorderSocket = '';

/** Key pairs and self-signed certificates, made once. */
const pairs = new Map<string, { pem: string; certificate: string }>();
const KINDS = {
  'rsa-2048': ['rsa:2048'],
  'ec-p256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ec-p384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'kh-'));
  for (const [kind, parameters] of Object.entries(KINDS)) {
    const pem = join(root, `${kind}.pem`);
    const certificate = join(root, `${kind}.crt`);
    const subject = ['-subj', '/CN=domain-signing-authority', '-days', '2', '-nodes'];
    const out = ['-keyout', pem, '-out', certificate];
    await openssl('req', '-x509', '-newkey', ...parameters, ...subject, ...out);
    pairs.set(kind, {
      pem: await readFile(pem, 'utf8'),
      certificate: await readFile(certificate, 'utf8'),
    });
  }
  for (const kind of ['ed25519', 'x25519', 'ml-dsa-65', 'ml-kem-768'] as const) {
    pairs.set(kind, certified(kind));
  }
  recorder = await startRecorder(join(root, 'audit'));
});
after(async () => {
  recorder.kill('SIGTERM');
  await once(recorder, 'exit');
  await rm(root, { recursive: true });
});

/** A key pair of a kind that openssl 3.0 has no certificates of, certified by another key. */
function certified(kind: 'ed25519' | 'x25519' | 'ml-dsa-65' | 'ml-kem-768') {
  const { publicKey, privateKey } = makeKeys(kind);
  const issuer = generateKeyPairSync('ed25519').privateKey;
  const algorithm = der.sequence(der.oid(OID.ed25519));
  const cn = der.set(der.sequence(der.oid(OID.commonName), der.utf8String(kind)));
  const time = (days: number) => der.time(new Date(Date.now() + days * 86_400_000));
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(1),
    algorithm,
    der.sequence(cn),
    der.sequence(time(-1), time(1)),
    der.sequence(cn),
    publicKey.export({ format: 'der', type: 'spki' }),
  );
  const bytes = der.sequence(tbs, algorithm, der.bitString(sign(null, tbs, issuer)));
  return {
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    certificate: new X509Certificate(bytes).toString(),
  };
}

function makeKeys(kind: 'ed25519' | 'x25519' | 'ml-dsa-65' | 'ml-kem-768') {
  switch (kind) {
    case 'ed25519':
      return generateKeyPairSync(kind);
    case 'x25519':
      return generateKeyPairSync(kind);
    case 'ml-dsa-65':
      return generateKeyPairSync(kind);
    default:
      return generateKeyPairSync(kind);
  }
}

async function startRecorder(folder: string): Promise<ChildProcess> {
  recorderSocket = `${folder}.sock`;
  const { privateKey } = generateKeyPairSync('ed25519');
  const keyFile = `${folder}.pem`;
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const options = { folder, privateKeyFile: keyFile, socket: recorderSocket };
  await writeFile(`${folder}.json`, JSON.stringify(options));
  const main = fileURLToPath(new URL('../../recorder/src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, `${folder}.json`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

const FIXED = {
  signingCertificateV2: der
    .sequence(der.sequence(der.sequence(der.octetString(Buffer.alloc(32, 9)))))
    .toString('base64'),
  smimeCapabilities: der
    .sequence(der.sequence(der.oid(OID.aes256Cbc)), der.sequence(der.oid(OID.aes128Cbc)))
    .toString('base64'),
  encryptionKeyPreference: null,
};

interface Setup {
  readonly options: KeyholderOptions;
  readonly lines: string[];
  addKey(record: Partial<KeyRecord> & { keyId: string }): Promise<void>;
}

async function setup(changes: Partial<KeyholderOptions> = {}): Promise<Setup> {
  count += 1;
  const base = join(root, String(count));
  const keyFolder = join(base, 'keys');
  await mkdir(keyFolder, { recursive: true });
  await writeFile(join(keyFolder, REJECTION_SECRET_FILE), randomBytes(32), { mode: 0o600 });
  const options = keyholderOptionsSchema.parse({
    keyFolder,
    recorderSocket,
    outwardSocket: join(base, 'out.sock'),
    inwardSocket: join(base, 'in.sock'),
    ...changes,
  });
  const addKey = async (given: Partial<KeyRecord> & { keyId: string }) => {
    const algorithm = given.algorithm ?? 'rsa-2048';
    const pair = pairs.get(algorithm);
    const record = keyRecordSchema.parse({
      class: 'domain-signing',
      domain: 'acme.example',
      state: 'active',
      algorithm,
      certificate: pair?.certificate,
      chain: [],
      privateKeyFile: `${given.keyId}.pem`,
      signedAttributes: FIXED,
      ...given,
    });
    await writeFile(join(keyFolder, `${given.keyId}.pem`), pair?.pem ?? '', { mode: 0o600 });
    await writeFile(join(keyFolder, `${given.keyId}.json`), JSON.stringify(record));
  };
  return { options, lines: [], addKey };
}

async function start({ options, lines }: Setup) {
  const write = (line: string) => lines.push(line);
  const logger = createLogger({ service: 'keyholder', now: clock.now, write });
  const keyholder = await startKeyholder({ options, logger, clock });
  const outward = connectSocket({
    path: options.outwardSocket,
    protocol: keyholderOutwardProtocol,
    deadlineMs: 20_000,
  });
  const inward = connectSocket({
    path: options.inwardSocket,
    protocol: keyholderInwardProtocol,
    deadlineMs: 20_000,
  });
  const close = async () => {
    outward.close();
    inward.close();
    await keyholder.close();
  };
  return { keyholder, outward, inward, close };
}

async function acceptMessage(): Promise<string> {
  const client = connectSocket({
    path: recorderSocket,
    protocol: recorderProtocol,
    deadlineMs: 10_000,
  });
  const queueId = newQueueId(new Date());
  const event = { kind: 'accepted', queueId, origin: 'outward', sizeBytes: 1 };
  await client.call('record', { event, durable: true });
  client.close();
  return queueId;
}

async function eventsOf(queueId: string) {
  const folder = join(root, 'audit');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  const segments = names.map((name) => ({ name, bytes: createReadStream(join(folder, name)) }));
  return await recentEvents(segments, { queueId }, 100);
}

const signParams = (keyId: string, queueId: string) => ({
  keyId,
  queueId,
  digestAlgorithm: 'sha256' as const,
  digest: createHash('sha256').update(content).digest('base64'),
  signatureTypes: ['domain' as const],
  attributes: [],
});
const refused = (fault: string | null, message: RegExp) => (error: unknown) =>
  error instanceof IpcRefused && error.fault === fault && message.test(error.message);

/** A detached SignedData as any CMS program reads it (RFC 5652 section 5.1). */
function signedData(facts: {
  certificate: Buffer;
  signedAttrs: Buffer;
  signature: Buffer;
  oid: string;
}) {
  const tbs = new DerReader(readTlv(facts.certificate)).sequence();
  tbs.optionalExplicit(0);
  const serial = tbs.next().bytes;
  tbs.next();
  const issuer = tbs.next().bytes;
  const digestAlgorithm = der.sequence(der.oid(OID.sha256));
  const parameters = facts.oid === OID.rsaEncryption ? [der.null()] : [];
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(issuer, serial),
    digestAlgorithm,
    der.implicit(0, facts.signedAttrs),
    der.sequence(der.oid(facts.oid), ...parameters),
    der.octetString(facts.signature),
  );
  const body = der.sequence(
    der.integer(1),
    der.setOf([digestAlgorithm]),
    der.sequence(der.oid(OID.data)),
    der.implicit(0, der.set(facts.certificate)),
    der.setOf([signerInfo]),
  );
  return der.sequence(der.oid(OID.signedData), der.explicit(0, body));
}

test('the keyholder does not start without a private rejection secret', async () => {
  const given = await setup();
  const path = join(given.options.keyFolder, REJECTION_SECRET_FILE);
  await chmod(path, 0o640);
  await assert.rejects(start(given), /open to others: its mode must be 0600/);
  await rm(path);
  await assert.rejects(start(given), /rejection-secret cannot be read \(ENOENT\)/);
});

test('a broken key is named with its reason and the others stay in use', async () => {
  const given = await setup();
  const folder = given.options.keyFolder;
  for (const keyId of ['good', 'open', 'other', 'wrong-kind', 'pending']) {
    await given.addKey({ keyId, ...(keyId === 'pending' ? { state: 'pending' } : {}) });
  }
  await chmod(join(folder, 'open.pem'), 0o644);
  await writeFile(join(folder, 'other.pem'), pairs.get('ec-p256')?.pem ?? '');
  const ec = await readFile(join(folder, 'wrong-kind.json'), 'utf8');
  await writeFile(join(folder, 'wrong-kind.json'), ec.replace('rsa-2048', 'ec-p256'));
  await writeFile(join(folder, 'cut.json'), '{"keyId":"cut"');
  await writeFile(join(folder, 'renamed.json'), await readFile(join(folder, 'good.json')));
  const { outward, close, keyholder } = await start(given);
  const keyIds = async () => (await outward.call('keys', {})).map(({ keyId }) => keyId);
  assert.deepEqual(await keyIds(), ['good']);
  const log = given.lines.join('');
  for (const reason of [
    /open\.pem is open to others/,
    /other\.pem holds no rsa-2048 key/,
    /wrong-kind\.pem holds no ec-p256 key/,
    /cut\.json.*is no JSON/,
    /renamed\.json.*the record is of key good/,
  ]) {
    assert.match(log, reason);
  }
  assert.doesNotMatch(log, /BEGIN/);
  await chmod(join(folder, 'open.pem'), 0o600);
  await keyholder.reload();
  assert.deepEqual(await keyIds(), ['good', 'open']);
  await close();
});

test('no key is used without the recorder, nor for a message that was never accepted', async () => {
  const away = await setup({ recorderSocket: join(root, 'nobody.sock') });
  await away.addKey({ keyId: 'dsa' });
  await away.addKey({ keyId: 'dca', class: 'domain-confidentiality', signedAttributes: null });
  const one = await start(away);
  const queueId = await acceptMessage();
  const recipient = ktri(Buffer.alloc(256));
  await assert.rejects(
    one.outward.call('sign', signParams('dsa', queueId)),
    refused('recorder-unavailable', /could not be recorded/),
  );
  await assert.rejects(
    one.inward.call('unwrap', { keyId: 'dca', queueId, keyBytes: 16, recipient }),
    refused('recorder-unavailable', /could not be recorded/),
  );
  await one.close();
  const there = await setup();
  await there.addKey({ keyId: 'dsa' });
  const two = await start(there);
  await assert.rejects(
    two.outward.call('sign', signParams('dsa', newQueueId(new Date()))),
    refused(null, /^not-accepted$/),
  );
  await two.close();
});

test('each socket has its own methods, each method its own key class, and keys have states', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'dsa' });
  await given.addKey({ keyId: 'dca', class: 'domain-confidentiality', signedAttributes: null });
  const { outward, inward, close } = await start(given);
  const queueId = await acceptMessage();
  const asOutward = connectSocket({
    path: given.options.inwardSocket,
    protocol: keyholderOutwardProtocol,
    deadlineMs: 5_000,
  });
  await assert.rejects(
    asOutward.call('sign', signParams('dsa', queueId)),
    refused(null, /unknown-method/),
  );
  asOutward.close();
  await assert.rejects(
    outward.call('sign', signParams('dca', queueId)),
    refused('own-key-unavailable', /dca/),
  );
  const unwrap = {
    keyId: 'dsa',
    queueId,
    keyBytes: 16,
    recipient: ktri(Buffer.alloc(256)),
  } as const;
  await assert.rejects(inward.call('unwrap', unwrap), refused('own-key-unavailable', /dsa/));
  const twice = {
    ...signParams('dsa', queueId),
    signatureTypes: ['domain' as const, 'additional-attributes' as const],
  };
  await assert.rejects(outward.call('sign', twice), refused(null, /only signature type/));
  await close();
});

test('a key is not used more often than its limit', async () => {
  const given = await setup({ signaturesPerMinute: 2 });
  await given.addKey({ keyId: 'dsa' });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  await outward.call('sign', signParams('dsa', queueId));
  await outward.call('sign', signParams('dsa', queueId));
  await assert.rejects(
    outward.call('sign', signParams('dsa', queueId)),
    refused('keyholder-unavailable', /more often/),
  );
  await close();
});

for (const algorithm of ['rsa-2048', 'ec-p256', 'ec-p384'] as const) {
  test(`openssl verifies a signature of ${algorithm}, and both records of it are in the log`, async () => {
    const given = await setup();
    await given.addKey({ keyId: 'dsa', algorithm });
    const { outward, close } = await start(given);
    const queueId = await acceptMessage();
    const answer = await outward.call('sign', signParams('dsa', queueId));
    await close();
    assert.equal(
      answer.signatureAlgorithm,
      algorithm === 'rsa-2048' ? 'rsa-sha256' : 'ecdsa-sha256',
    );
    const base = join(root, `${algorithm}-sig`);
    await writeFile(`${base}.txt`, content);
    const certificate = new X509Certificate(pairs.get(algorithm)?.certificate ?? '').raw;
    const message = signedData({
      certificate,
      signedAttrs: Buffer.from(answer.signedAttrs, 'base64'),
      signature: Buffer.from(answer.signature, 'base64'),
      oid: algorithm === 'rsa-2048' ? OID.rsaEncryption : OID.ecdsaWithSha256,
    });
    await writeFile(`${base}.der`, message);
    const trust = ['-CAfile', join(root, `${algorithm}.crt`), '-purpose', 'any'];
    const input = ['-inform', 'DER', '-in', `${base}.der`, '-content', `${base}.txt`, '-binary'];
    const { stderr } = await openssl('cms', '-verify', ...input, ...trust, '-out', `${base}.out`);
    assert.match(stderr, /Verification successful/i);
    assert.deepEqual(await readFile(`${base}.out`), content);
    const events = await eventsOf(queueId);
    assert.deepEqual(
      events.map(({ kind, facts }) => [kind, facts['outcome']]),
      [
        ['accepted', undefined],
        ['key-intent', undefined],
        ['key-outcome', 'done'],
      ],
    );
    const digest = createHash('sha256').update(Buffer.from(answer.signature, 'base64'));
    assert.equal(events[2]?.facts['signatureDigest'], digest.digest('hex'));
    assert.equal(events[2]?.facts['intent'], events[1]?.index);
  });
}

test('a key whose kind cannot serve its class is left out', async () => {
  const given = await setup();
  const receiving = { class: 'domain-confidentiality', signedAttributes: null } as const;
  await given.addKey({ keyId: 'good', algorithm: 'ed25519' });
  await given.addKey({ keyId: 'x', algorithm: 'x25519', ...receiving });
  const folder = given.options.keyFolder;
  for (const [keyId, from, to] of [
    ['good', 'domain-signing', 'domain-confidentiality'],
    ['x', 'domain-confidentiality', 'domain-signing'],
  ] as const) {
    const record = await readFile(join(folder, `${keyId}.json`), 'utf8');
    const other = record.replace(from, to).replace(keyId, `${keyId}2`);
    await writeFile(join(folder, `${keyId}2.json`), other);
  }
  const { outward, close } = await start(given);
  const keyIds = (await outward.call('keys', {})).map(({ keyId }) => keyId);
  await close();
  assert.deepEqual(keyIds, ['good', 'x']);
  assert.match(given.lines.join(''), /cannot serve domain-signing/);
});

test('RFC 8419, RFC 9882: Ed25519 and ML-DSA keys sign the attributes themselves', async () => {
  const given = await setup();
  for (const algorithm of ['ed25519', 'ml-dsa-65'] as const) {
    await given.addKey({ keyId: algorithm, algorithm });
  }
  await given.addKey({ keyId: 'rsa' });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  const digest = createHash('sha512').update(content).digest('base64');
  for (const algorithm of ['ed25519', 'ml-dsa-65'] as const) {
    const params = {
      ...signParams(algorithm, queueId),
      digestAlgorithm: 'sha512',
      digest,
    } as const;
    await assert.rejects(
      outward.call('sign', signParams(algorithm, queueId)),
      refused(null, /does not go with sha256/),
    );
    await assert.rejects(
      outward.call('sign', { ...params, rsaPadding: 'pss' }),
      refused(null, /RSA keys only/),
    );
    const answer = await outward.call('sign', params);
    assert.equal(answer.signatureAlgorithm, algorithm);
    const [signedAttrs, signature] = [answer.signedAttrs, answer.signature].map((text) =>
      Buffer.from(text, 'base64'),
    );
    const { publicKey } = new X509Certificate(pairs.get(algorithm)?.certificate ?? '');
    assert.ok(signedAttrs && signature && verify(null, signedAttrs, publicKey, signature));
  }
  const pss = await outward.call('sign', { ...signParams('rsa', queueId), rsaPadding: 'pss' });
  assert.equal(pss.signatureAlgorithm, 'rsa-pss-sha256');
  await close();
});

test('RFC 8418, RFC 9629: X25519 and ML-KEM keys are asked over the same socket', async () => {
  const given = await setup();
  const receiving = { class: 'domain-confidentiality', signedAttributes: null } as const;
  for (const algorithm of ['x25519', 'ml-kem-768'] as const) {
    await given.addKey({ keyId: algorithm, algorithm, ...receiving });
  }
  const { inward, close } = await start(given);
  const queueId = newQueueId(new Date());
  const { publicKey } = new X509Certificate(pairs.get('ml-kem-768')?.certificate ?? '');
  const { sharedKey, ciphertext } = encapsulate(publicKey);
  const info = der.sequence(der.sequence(der.oid(OID.aes256Wrap)), der.integer(32));
  const kek = hkdfSync('sha256', sharedKey, Buffer.alloc(0), info, 32);
  const wrapping = createCipheriv('id-aes256-wrap', Buffer.from(kek), Buffer.alloc(8, 0xa6));
  const cek = Buffer.alloc(32, 5);
  const wrapped = Buffer.concat([wrapping.update(cek), wrapping.final()]).toString('base64');
  const kem = {
    kind: 'kem',
    set: 'ml-kem-768',
    ciphertext: Buffer.from(ciphertext).toString('base64'),
    kdf: { hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: wrapped,
  } as const;
  const ask = async (keyId: string, recipient: UnwrapRecipient) =>
    (await inward.call('unwrap', { keyId, queueId, keyBytes: 32, recipient })).key;
  assert.equal(await ask('ml-kem-768', kem), cek.toString('base64'));
  const wrong = await ask('x25519', kem);
  assert.notEqual(wrong, cek.toString('base64'));
  assert.equal(await ask('x25519', kem), wrong);
  const zero = {
    kind: 'kari',
    curve: 'x25519',
    originatorPublicKey: Buffer.alloc(32).toString('base64'),
    kdf: { kind: 'hkdf', hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: wrapped,
  } as const;
  assert.equal(await ask('x25519', zero), await ask('x25519', zero));
  await close();
  const outcomes = (await eventsOf(queueId)).filter(({ kind }) => kind === 'key-outcome');
  assert.equal(outcomes.length, 5);
  assert.deepEqual(new Set(outcomes.map(({ facts }) => facts['outcome'])), new Set(['done']));
});

function ktri(encryptedKey: Buffer): UnwrapRecipient {
  return {
    kind: 'ktri',
    algorithm: { kind: 'pkcs1v15' },
    encryptedKey: encryptedKey.toString('base64'),
  };
}

/** What openssl wrote, taken apart as far as this test needs it (RFC 5652 section 6.1). */
async function encryptWithOpenssl(algorithm: string, args: string[]) {
  count += 1;
  const base = join(root, `enc-${count}`);
  await writeFile(`${base}.txt`, content);
  const files = ['-in', `${base}.txt`, '-out', `${base}.der`, '-outform', 'DER', '-binary'];
  const to = ['-recip', join(root, `${algorithm}.crt`)];
  await openssl('cms', '-encrypt', '-aes256', ...files, ...to, ...args);
  const contentInfo = new DerReader(readTlv(await readFile(`${base}.der`))); // definite length
  contentInfo.oid();
  const enveloped = contentInfo.optionalExplicit(0)?.sequence();
  assert.ok(enveloped);
  enveloped.integer();
  const [recipient] = enveloped.set().all();
  assert.ok(recipient);
  const sealed = enveloped.sequence();
  sealed.oid();
  const algorithmReader = sealed.sequence();
  algorithmReader.oid();
  const iv = algorithmReader.octetString();
  const bytes = sealed.next().value;
  const open = (key: string) => {
    const decipher = createDecipheriv('aes-256-cbc', Buffer.from(key, 'base64'), iv);
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  };
  return { recipient: new DerReader(recipient), open };
}

async function unwrapper(algorithm: 'rsa-2048' | 'ec-p256' | 'ec-p384') {
  const given = await setup();
  const keyId = 'dca';
  const signedAttributes = null;
  const rest = {
    class: 'domain-confidentiality',
    state: 'decrypt-only',
    signedAttributes,
  } as const;
  await given.addKey({ keyId, algorithm, ...rest });
  const { inward, close } = await start(given);
  const queueId = newQueueId(new Date());
  const unwrap = async (recipient: UnwrapRecipient, keyBytes: 16 | 24 | 32 = 32) =>
    (await inward.call('unwrap', { keyId, queueId, keyBytes, recipient })).key;
  return { unwrap, close, queueId };
}

for (const [name, args, wanted] of [
  ['RSA v1.5', [], { kind: 'pkcs1v15' }],
  [
    'OAEP with SHA-256 and MGF1 with SHA-1',
    ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha1'],
    { kind: 'oaep', hash: 'sha256', mgf1Hash: 'sha1', label: '' },
  ],
] as const) {
  test(`a key that openssl wrapped with ${name} is unwrapped`, async () => {
    const { unwrap, close } = await unwrapper('rsa-2048');
    const options = args.flatMap((arg) => ['-keyopt', arg]);
    const { recipient, open } = await encryptWithOpenssl('rsa-2048', options);
    recipient.integer();
    recipient.next();
    recipient.next();
    const encryptedKey = recipient.octetString().toString('base64');
    assert.deepEqual(
      open(await unwrap({ kind: 'ktri', algorithm: wanted, encryptedKey })),
      content,
    );
    await close();
  });
}

for (const [algorithm, curve, kdf] of [
  ['ec-p256', 'p256', 'sha256'],
  ['ec-p384', 'p384', 'sha384'],
  ['ec-p256', 'p256', 'sha1'],
] as const) {
  test(`a key that openssl wrapped with ECDH ${curve} and ${kdf} is unwrapped`, async () => {
    const { unwrap, close } = await unwrapper(algorithm);
    const options = ['-keyopt', `ecdh_kdf_md:${kdf}`];
    const { recipient: kari, open } = await encryptWithOpenssl(algorithm, options);
    kari.integer();
    const originator = kari.optionalExplicit(0)?.optionalExplicit(1);
    assert.ok(originator);
    originator.next();
    const point = originator.bitString().bytes.toString('base64');
    kari.optionalExplicit(1);
    const keyEncryption = kari.sequence();
    keyEncryption.oid();
    const wrapOid = keyEncryption.sequence().oid();
    const wrap = wrapOid === OID.aes256Wrap ? 'aes256' : 'aes128';
    const recipient = kari.sequence().sequence();
    recipient.next();
    const question = {
      kind: 'kari',
      curve,
      originatorPublicKey: point,
      kdf: { kind: 'x963', hash: kdf },
      ukm: null,
      wrap,
      encryptedKey: recipient.octetString().toString('base64'),
    } as const;
    assert.deepEqual(open(await unwrap(question)), content);
    const wrong = await unwrap({ ...question, ukm: 'AQID' });
    assert.throws(() => open(wrong));
    await close();
  });
}

test('RFC 3218 2.3.2: every failure gives a wrong key of the right length, the same for the same question', async () => {
  const { unwrap, close, queueId } = await unwrapper('rsa-2048');
  const { recipient } = await encryptWithOpenssl('rsa-2048', []);
  recipient.integer();
  recipient.next();
  recipient.next();
  const encryptedKey = recipient.octetString();
  const right = await unwrap(ktri(encryptedKey));
  const badPadding = Buffer.from(encryptedKey);
  badPadding[200] = (badPadding[200] ?? 0) ^ 1;
  const kari = {
    kind: 'kari',
    curve: 'p256',
    originatorPublicKey: Buffer.alloc(65, 4).toString('base64'),
    kdf: { kind: 'x963', hash: 'sha256' },
    ukm: null,
    wrap: 'aes256',
    encryptedKey: Buffer.alloc(40).toString('base64'),
  } as const;
  const questions: UnwrapRecipient[] = [
    ktri(badPadding),
    ktri(Buffer.alloc(256, 0xff)), // at or above the modulus
    ktri(Buffer.alloc(256)),
    ktri(encryptedKey.subarray(1)),
    ktri(Buffer.concat([Buffer.of(0), encryptedKey])),
    ktri(Buffer.alloc(0)),
    {
      kind: 'ktri',
      algorithm: { kind: 'oaep', hash: 'sha1', mgf1Hash: 'sha1', label: '' },
      encryptedKey: encryptedKey.toString('base64'),
    },
    kari,
  ];
  const seen = new Set([right]);
  for (const question of questions) {
    const key = await unwrap(question);
    assert.equal(Buffer.from(key, 'base64').length, 32);
    assert.equal(await unwrap(question), key);
    seen.add(key);
  }
  assert.equal(seen.size, questions.length + 1);
  // The right padding around a key of another length is a failure too.
  assert.equal(Buffer.from(await unwrap(ktri(encryptedKey), 16), 'base64').length, 16);
  await close();
  const outcomes = (await eventsOf(queueId)).filter(({ kind }) => kind === 'key-outcome');
  assert.deepEqual(new Set(outcomes.map(({ facts }) => facts['outcome'])), new Set(['done']));
});

test('points that are off the curve, hybrid or at infinity give a wrong key', async () => {
  const { unwrap, close } = await unwrapper('ec-p256');
  const seen = new Set<string>();
  const hybrid = Buffer.concat([Buffer.of(6), randomBytes(64)]);
  for (const point of [Buffer.alloc(65, 4), Buffer.of(0), hybrid, Buffer.alloc(0)]) {
    seen.add(
      await unwrap({
        kind: 'kari',
        curve: 'p256',
        originatorPublicKey: point.toString('base64'),
        kdf: { kind: 'x963', hash: 'sha256' },
        ukm: null,
        wrap: 'aes128',
        encryptedKey: Buffer.alloc(40, 1).toString('base64'),
      }),
    );
  }
  assert.equal(seen.size, 4);
  await close();
});

test('main: ready when listening, SIGHUP reads the keys again, the end of its supervisor ends it', async () => {
  const given = await setup();
  const optionsFile = join(given.options.keyFolder, '..', 'options.json');
  await writeFile(optionsFile, JSON.stringify(given.options));
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, optionsFile], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
    if (log.includes('["dsa"]')) child.emit('reloaded');
  });
  assert.deepEqual(await once(child, 'message'), ['ready', undefined]);
  await given.addKey({ keyId: 'dsa' });
  const reloaded = once(child, 'reloaded');
  child.kill('SIGINT');
  child.kill('SIGHUP');
  await reloaded;
  const outward = connectSocket({
    path: given.options.outwardSocket,
    protocol: keyholderOutwardProtocol,
    deadlineMs: 20_000,
  });
  const queueId = await acceptMessage();
  const rounds = 300;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: rounds }, () => outward.call('sign', signParams('dsa', queueId))),
  );
  const perSecond = Math.round((rounds / (performance.now() - begin)) * 1_000);
  console.log(`RSA-2048 signatures with intent and outcome on the disk: ${perSecond}/s`);
  outward.close();
  child.disconnect();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
