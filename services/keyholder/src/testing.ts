/** What the tests of the keyholder share: keys, a recorder of their own, keyholders with clients. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { recentEvents } from '@sallyport/audit-log';
import { der, OID } from '@sallyport/der';
import {
  connectSocket,
  IpcRefused,
  type KeyRecord,
  keyholderInwardProtocol,
  keyholderOperatorProtocol,
  keyholderOutwardProtocol,
  keyRecordSchema,
  REJECTION_SECRET_FILE,
  recorderProtocol,
  type UnwrapRecipient,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { type KeyholderOptions, keyholderOptionsSchema } from './options.ts';
import { startKeyholder } from './start-keyholder.ts';

const run = promisify(execFile);
export const openssl = (...args: string[]) => run('openssl', args);
const clock = { now: () => new Date() };
export const content = Buffer.from('Content-Type: text/plain\r\n\r\nhello\r\n');
/** The folder of one test file's run; `closeKeyholderTests` removes it. */
export const root = mkdtempSync(join(tmpdir(), 'kh-'));
let count = 0;
let recorder: ChildProcess;
let recorderSocket = '';

/** Key pairs and self-signed certificates, made once. */
export const pairs = new Map<string, { pem: string; certificate: string }>();
const KINDS = {
  'rsa-2048': ['rsa:2048'],
  'ec-p256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ec-p384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

/** Makes every key pair and starts the recorder; for `before`. */
export async function openKeyholderTests(): Promise<void> {
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
}

/** For `after`. */
export async function closeKeyholderTests(): Promise<void> {
  recorder.kill('SIGTERM');
  await once(recorder, 'exit');
  await rm(root, { recursive: true });
}

const FRESH_KEYS = {
  ed25519: () => generateKeyPairSync('ed25519'),
  x25519: () => generateKeyPairSync('x25519'),
  'ml-dsa-65': () => generateKeyPairSync('ml-dsa-65'),
  'ml-kem-768': () => generateKeyPairSync('ml-kem-768'),
} as const;

/** A key pair of a kind that openssl 3.0 has no certificates of, certified by another key. */
function certified(kind: keyof typeof FRESH_KEYS) {
  const { publicKey, privateKey } = FRESH_KEYS[kind]();
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

export interface Setup {
  readonly options: KeyholderOptions;
  readonly lines: string[];
  addKey(record: Partial<KeyRecord> & { keyId: string }): Promise<void>;
}

export async function setup(changes: Partial<KeyholderOptions> = {}): Promise<Setup> {
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
    operatorSocket: join(base, 'op.sock'),
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

/** What the record of a DKIM key has beside its name. */
export function dkimFacts(algorithm: 'rsa-2048' | 'ed25519' = 'rsa-2048') {
  const publicKey = createPublicKey(pairs.get(algorithm)?.pem ?? '');
  return {
    class: 'dkim',
    algorithm,
    dkimSelector: algorithm === 'ed25519' ? 'edwards' : 'rsa',
    dkimPublicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    certificate: null,
    signedAttributes: null,
  } as const;
}

export async function start({ options, lines }: Setup) {
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

export async function acceptMessage(): Promise<string> {
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

export async function eventsOf(queueId: string) {
  return await recentEvents(await segments(), { queueId }, 100);
}

export async function eventsOfKey(keyId: string) {
  const events = await recentEvents(await segments(), {}, 1_000);
  return events.filter(({ facts }) => facts['keyId'] === keyId);
}

async function segments() {
  const folder = join(root, 'audit');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  return names.map((name) => ({ name, bytes: createReadStream(join(folder, name)) }));
}

export const signParams = (keyId: string, queueId: string) => ({
  keyId,
  queueId,
  digestAlgorithm: 'sha256' as const,
  digest: createHash('sha256').update(content).digest('base64'),
  signatureTypes: ['domain' as const],
  attributes: [],
});
export const refused = (fault: string | null, message: RegExp) => (error: unknown) =>
  error instanceof IpcRefused && error.fault === fault && message.test(error.message);

export function ktri(encryptedKey: Buffer): UnwrapRecipient {
  return {
    kind: 'ktri',
    algorithm: { kind: 'pkcs1v15' },
    encryptedKey: encryptedKey.toString('base64'),
  };
}

/** A keyholder with a client of its operator socket beside the others. */
export async function startWithOperator(given: Setup) {
  const running = await start(given);
  const operator = connectSocket({
    path: given.options.operatorSocket,
    protocol: keyholderOperatorProtocol,
    deadlineMs: 20_000,
  });
  const close = async () => {
    operator.close();
    await running.close();
  };
  return { ...running, operator, close };
}
