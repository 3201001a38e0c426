import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '@sallyport/config';
import { parseDsn } from '@sallyport/dsn';
import {
  adviseProtocol,
  egressProtocol,
  hintProtocol,
  inwardProtocol,
  keyholderInwardProtocol,
  keyholderOutwardProtocol,
  type Protocol,
  recorderProtocol,
} from '@sallyport/ipc';
import { bufferContent } from '@sallyport/mail';
import { parsePolicyYaml } from '@sallyport/policy-store/write';
import { ReplyReader } from '@sallyport/transport';
import { FrameDecoder, FrameTooLong } from '../../../packages/ipc/src/frames.ts';
import { parseHeader } from '../../../packages/spool/src/header.ts';
import { corpusMessages, type Seed, vectorSeeds } from '../corpus.ts';
import { UNWRAPPER } from '../keys.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateText } from '../mutate-text.ts';
import type { Target } from '../target.ts';

const MAX_FRAME_BYTES = 4_096;

function seed(name: string, text: string): Seed {
  return { name, bytes: Buffer.from(text, 'latin1') };
}

const POLICY = `partners:
  - name: Bravo Hospital
    domains: [bravo.example, "*.bravo.example"]
    outbound:
      sign: domain
      profile: domsec
      encrypt: required
      to: [domain, user]
      content: auto
      keyTransport: auto
      protectHeaders: true
      otherwise: hold
    inbound:
      signature: domain-required
      encryption: required
      deliver: clear
      otherwise: refuse
    tls:
      level: secure
      match: [".bravo.example"]
      minVersion: TLSv1.2
default:
  outbound: { sign: domain, profile: compat, encrypt: when-possible }
  inbound: { signature: when-present, encryption: when-present, otherwise: flag }
  tls: &level { level: may }
`;

function checkPolicy(bytes: Buffer): string {
  const parsed = parsePolicyYaml(bytes.toString('utf8'));
  if (parsed.kind === 'ok') return 'ok';
  assert.ok(parsed.faults.length > 0, 'refused without a reason');
  return 'invalid';
}

function checkConfig(bytes: Buffer): string {
  const parsed = parseConfig(bytes.toString('utf8'), '/etc/sallyport');
  if (parsed.kind === 'ok') return 'ok';
  assert.ok(parsed.faults.length > 0, 'refused without a reason');
  return 'invalid';
}

const SPOOL_HEADER = {
  version: 1,
  id: '0123456789abcdefghjk',
  createdAt: '2026-11-21T00:00:00.000Z',
  origin: 'inward',
  reversePath: 'alice@acme.example',
  forwardPaths: [{ path: 'bob@bravo.example', notify: ['FAILURE'], orcpt: 'rfc822;bob' }],
  client: null,
  evidence: null,
  dsn: { ret: 'HDRS', envid: 'x' },
  smtpUtf8: false,
  eightBit: true,
  requireTls: false,
  extra: { a: [1] },
  seal: { reader: 'worker', keyId: '0123456789abcdef', nonce: '0'.repeat(32) },
};

function checkSpoolHeader(bytes: Buffer): string {
  const parsed = parseHeader(bytes);
  if (parsed.kind === 'malformed') assert.notEqual(parsed.reason, '');
  return parsed.kind;
}

const PROTOCOLS: readonly Protocol[] = [
  adviseProtocol,
  egressProtocol,
  hintProtocol,
  inwardProtocol,
  keyholderInwardProtocol,
  keyholderOutwardProtocol,
  recorderProtocol,
];

const QUEUE_ID = '0123456789abcdefghjk';
const CALLS: readonly unknown[] = [
  {
    keyId: 'dca-rsa',
    queueId: QUEUE_ID,
    keyBytes: 32,
    recipient: { kind: 'ktri', algorithm: { kind: 'pkcs1v15' }, encryptedKey: 'AAAA' },
  },
  {
    keyId: 'dca-rsa',
    queueId: QUEUE_ID,
    keyBytes: 16,
    recipient: {
      kind: 'ktri',
      algorithm: { kind: 'oaep', hash: 'sha256', mgf1Hash: 'sha1', label: 'eA==' },
      encryptedKey: Buffer.alloc(256, 1).toString('base64'),
    },
  },
  {
    keyId: 'dca-ec',
    queueId: QUEUE_ID,
    keyBytes: 32,
    recipient: {
      kind: 'kari',
      curve: 'p256',
      originatorPublicKey: Buffer.alloc(65, 4).toString('base64'),
      kdf: { hash: 'sha256' },
      ukm: null,
      wrap: 'aes256',
      wrapParameters: 'absent',
      encryptedKey: Buffer.alloc(40).toString('base64'),
    },
  },
  {
    keyId: 'dsa',
    queueId: QUEUE_ID,
    digestAlgorithm: 'sha256',
    digest: Buffer.alloc(32).toString('base64'),
    signatureTypes: ['domain'],
    attributes: [
      { kind: 'security-label', label: { policy: '1.2.3', classification: 1, privacyMark: null } },
      { kind: 'content-hint', description: 'x', contentType: '1.2.840.113549.1.7.1' },
    ],
  },
];

async function checkCall(bytes: Buffer): Promise<string> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'no JSON';
  }
  let word = 'refused';
  for (const [name, method] of PROTOCOLS.flatMap((protocol) => Object.entries(protocol))) {
    const parsed = method.params.safeParse(json);
    if (!parsed.success) continue;
    word = name;
    if (name === 'unwrap') await checkUnwrap(parsed.data);
  }
  return word;
}

interface Unwrap {
  readonly keyId: string;
  readonly keyBytes: 16 | 24 | 32;
  readonly recipient: Parameters<typeof UNWRAPPER.unwrap>[0]['recipient'];
}

/** The schema lets it through, so a key must come back, whatever it asks. */
async function checkUnwrap(data: unknown): Promise<void> {
  const { keyId, keyBytes, recipient } = data as Unwrap;
  if (keyId !== 'dca-rsa' && keyId !== 'dca-ec') return;
  const key = await UNWRAPPER.unwrap({ keyId, keyBytes, recipient });
  assert.equal(key.length, keyBytes);
}

function checkFrames(bytes: Buffer): string {
  const decoder = new FrameDecoder(MAX_FRAME_BYTES);
  let frames = 0;
  try {
    for (let at = 0; at < bytes.length; at += 61) {
      decoder.push(bytes.subarray(at, at + 61));
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        assert.ok(frame.length <= MAX_FRAME_BYTES);
        frames += 1;
      }
    }
  } catch (error) {
    if (error instanceof FrameTooLong) return 'too long';
    throw error;
  }
  return frames === 0 ? 'none' : 'frames';
}

function checkReplies(bytes: Buffer): string {
  const reader = new ReplyReader();
  for (let at = 0; at < bytes.length; at += 37) {
    const read = reader.push(bytes.subarray(at, at + 37));
    if (read.kind === 'bad') return 'bad';
  }
  return 'replies';
}

async function checkDsn(bytes: Buffer): Promise<string> {
  const parsed = await parseDsn(bufferContent(bytes));
  return parsed.kind;
}

const REPLIES =
  '220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 1000\r\n250 DSN\r\n451 4.7.1 later\r\n';
const FRAMES = ['{"id":1}', '{"id":2,"method":"x"}', ''].map((body) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, Buffer.from(body)]);
});

/** Documents and calls: policy, config, queue file headers, calls between our processes, reports. */
export function documentTargets(): Target[] {
  const gateway = fileURLToPath(new URL('../../../deploy/config/gateway.yaml', import.meta.url));
  const reports = [...vectorSeeds('bounces').slice(0, 80), ...corpusMessages().slice(0, 2)];
  const calls = CALLS.map((call, index) => seed(`call ${index}`, JSON.stringify(call, null, 1)));
  const header = seed('header', JSON.stringify(SPOOL_HEADER, null, 1));
  const config = { name: 'gateway.yaml', bytes: readFileSync(gateway) };
  const mutate = mutateText;
  // Written by admins, not by strangers; the YAML reader is slow with thousands of errors.
  const yaml = { share: 2, mutate, maxInputBytes: 32 * 1024 };
  return [
    { ...yaml, name: 'policy', seeds: [seed('policy', POLICY)], check: checkPolicy },
    { ...yaml, name: 'config', seeds: [config], check: checkConfig },
    { name: 'spool-header', share: 4, seeds: [header], mutate, check: checkSpoolHeader },
    { name: 'ipc-call', share: 4, seeds: calls, mutate, check: checkCall },
    {
      name: 'ipc-frames',
      share: 3,
      seeds: [{ name: 'frames', bytes: Buffer.concat(FRAMES) }],
      mutate: mutateBytes,
      check: checkFrames,
    },
    { name: 'smtp-reply', share: 3, seeds: [seed('reply', REPLIES)], mutate, check: checkReplies },
    { name: 'report', share: 4, seeds: reports, mutate, check: checkDsn },
  ];
}
