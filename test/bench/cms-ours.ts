/**
 * What `cms-loop.c` does, by this engine: domsec over mime and cms, with the signature made by
 * keyholder's own code in this process. It answers the same commands on standard input, and
 * `file`, which takes one message from file to file and tells the peak of resident memory.
 */
import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import {
  type DomainSigner,
  domainEncrypt,
  domainSign,
  judgeLayers,
  type KeyUnwrapper,
  MESSAGE_LIMITS,
  openLayers,
} from '@sallyport/domsec';
import { Secret } from '@sallyport/log';
import { bufferContent, type Content } from '@sallyport/mail';
import { readEntity } from '@sallyport/mime';
import {
  type Certificate,
  parsePemCertificates,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import { fixedAttributes } from '../../services/cli/src/gateway/signed-attributes.ts';
import { composeSignedAttributes } from '../../services/keyholder/src/signed-attributes.ts';
import { unwrapContentKey } from '../../services/keyholder/src/unwrap.ts';
import { recipientParams } from '../../services/worker/src/shared/keyholder-client.ts';

interface Keys {
  readonly anchor: Certificate;
  readonly leaf: Certificate;
  readonly recipient: ValidatedCertificate;
  readonly privateKey: KeyObject;
  readonly fixed: ReturnType<typeof fixedAttributes>;
}

const secret = new Secret(randomBytes(32));
let keys: Keys | null = null;

function loaded(): Keys {
  if (keys === null) throw new Error('load comes first');
  return keys;
}

async function certificateIn(path: string): Promise<Certificate> {
  const [parsed] = parsePemCertificates(await readFile(path, 'latin1'));
  if (parsed?.kind !== 'certificate') throw new Error(`${path} holds no certificate`);
  return parsed.value;
}

async function load(caPath: string, certPath: string, keyPath: string): Promise<string> {
  const [anchor, leaf] = [await certificateIn(caPath), await certificateIn(certPath)];
  const path = validatePath({
    leaf,
    intermediates: [],
    anchors: [anchor],
    time: new Date(),
    purpose: 'email-encrypt',
  });
  if (path.kind !== 'valid') throw new Error(path.reason);
  keys = {
    anchor,
    leaf,
    recipient: path.certificate,
    privateKey: createPrivateKey(await readFile(keyPath)),
    fixed: fixedAttributes(leaf, leaf),
  };
  return 'ok';
}

function domainSigner({ leaf, privateKey, fixed }: Keys): DomainSigner {
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  return {
    certificate: leaf,
    chain: [leaf.der],
    digestAlgorithm: 'sha256',
    signatureAlgorithm: isRsa ? 'rsa-sha256' : 'ecdsa-sha256',
    sign: async ({ digest, signatureTypes }) => {
      const signedAttrs = composeSignedAttributes({
        digestAlgorithm: 'sha256',
        digest,
        signatureTypes,
        attributes: [],
        signingTime: new Date(),
        fixed,
      });
      return { signedAttrs, signature: sign('sha256', signedAttrs, privateKey) };
    },
  };
}

/** Signs as profile `compat` does and encrypts: the same kind of message as the C loop makes. */
async function protect(message: Content, cipher: string): Promise<Content> {
  const own = loaded();
  const read = await readEntity(message, MESSAGE_LIMITS.mime);
  if (read.kind === 'malformed') throw new Error(read.reason);
  const signed = await domainSign(read.value, domainSigner(own), {
    profile: 'compat',
    protectHeaders: false,
    limits: MESSAGE_LIMITS.mime,
  });
  const content = cipher === 'aes-256-cbc' ? 'aes256-cbc' : 'aes256-gcm';
  return await domainEncrypt(signed, own.recipient, { content, keyTransport: 'auto' });
}

/** Decrypts, checks the signature and its whole path, judges. @returns the signed content. */
async function openMessage(message: Content): Promise<Content> {
  const { leaf, anchor, privateKey } = loaded();
  const unwrapper: KeyUnwrapper = {
    unwrap: async (request) => {
      const { keyId, keyBytes } = request;
      const question = { keyId, keyBytes, recipient: recipientParams(request) };
      return unwrapContentKey(question, { privateKey, rejectionSecret: secret });
    },
  };
  const read = await openLayers(message, {
    ownRecipients: [{ keyId: 'own', certificate: leaf }],
    unwrapper,
    mayOpen: async () => true,
    knownCertificates: [],
    limits: MESSAGE_LIMITS,
  });
  if (read.kind === 'malformed') throw new Error(read.reason);
  const verdict = judgeLayers(read.message, {
    originators: leaf.mailboxes,
    validate: (certificate, others) =>
      validatePath({
        leaf: certificate,
        intermediates: others,
        anchors: [anchor],
        time: new Date(),
        purpose: 'email-sign',
      }),
    naming: undefined,
  });
  if (verdict.signature !== 'valid' || verdict.encryption !== 'domain') {
    throw new Error(`the verdict is ${verdict.signature}: ${verdict.reason}`);
  }
  return read.message.content.content;
}

async function run(op: string, cipher: string, path: string, seconds: number): Promise<string> {
  const message = bufferContent(await readFile(path));
  const cpu = process.cpuUsage();
  const started = performance.now();
  let count = 0;
  do {
    if (op === 'protect') {
      const made: Uint8Array[] = [];
      for await (const chunk of (await protect(message, cipher)).open()) made.push(chunk);
    } else {
      await openMessage(message);
    }
    count += 1;
  } while (performance.now() - started < seconds * 1_000);
  const wall = (performance.now() - started) * 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return `${count} ${(user + system).toFixed(1)} ${wall.toFixed(1)}`;
}

const FILE_PIECE_BYTES = 64 * 1024;

/** A file that can seek, as a spool file can. */
async function fileContent(path: string): Promise<Content> {
  const { size } = await stat(path);
  const openRange = async function* (start: number, length: number): AsyncGenerator<Uint8Array> {
    await using file = await open(path, 'r');
    for (let at = start; at < start + length; ) {
      const want = Math.min(FILE_PIECE_BYTES, start + length - at);
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(want), 0, want, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  };
  return { sizeBytes: size, open: () => openRange(0, size), openRange } as Content;
}

/** @returns the peak of resident memory in bytes, of the whole process. */
async function throughFile(op: string, cipher: string, from: string, to: string): Promise<string> {
  const message = await fileContent(from);
  const made = op === 'protect' ? await protect(message, cipher) : await openMessage(message);
  {
    await using out = await open(to, 'w');
    for await (const chunk of made.open()) await out.write(chunk);
  }
  const status = await readFile('/proc/self/status', 'latin1');
  return String(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024);
}

async function protectFile(cipher: string, from: string, to: string): Promise<string> {
  const made = await protect(bufferContent(await readFile(from)), cipher);
  const chunks: Uint8Array[] = [];
  for await (const chunk of made.open()) chunks.push(chunk);
  await writeFile(to, Buffer.concat(chunks));
  return 'ok';
}

async function answer(line: string): Promise<string> {
  const [verb, a = '', b = '', c = '', d = ''] = line.trim().split(' ');
  switch (verb) {
    case 'load':
      return await load(a, b, c);
    case 'protect':
      return await protectFile(a, b, c);
    case 'run':
      return await run(a, b, c, Number(d));
    case 'file':
      return await throughFile(a, b, c, d);
    default:
      return 'error command';
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const text = await answer(line).catch((error: unknown) => `error ${String(error)}`);
  process.stdout.write(`${text.split('\n').join(' ')}\n`);
}
