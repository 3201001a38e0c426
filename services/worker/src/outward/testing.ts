/** What the tests of worker outward share: certificates, the facts of a decision, a spool. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { MESSAGE_LIMITS, type OpenedMessage, openLayers } from '@sallyport/domsec';
import { createLogger } from '@sallyport/log';
import type { Content } from '@sallyport/mail';
import {
  type Certificate,
  issueCertificate,
  parseCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import type { OutwardFacts } from '@sallyport/policy';
import { generateReaderKey, type QueueFileHeader, Spool } from '@sallyport/spool';

export const NOW = new Date('2026-06-01T00:00:00Z');
export const DCA = 'domain-confidentiality-authority';

export interface Identity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** A self-signed authority of a domain, on a P-256 key if no other is given. */
export function identity(
  cn: string,
  domain: string,
  key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
): Identity {
  const emails = [`${cn}@${domain}`];
  const subject = { cn };
  const bytes = issueCertificate({ subject, privateKey: key, notBefore: NOW, days: 9, emails });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  return { certificate: parsed.value, key };
}

export function validated({ certificate: leaf }: Identity): ValidatedCertificate {
  const given = { leaf, intermediates: [], anchors: [leaf], time: NOW, purpose: 'any' } as const;
  const found = validatePath(given);
  assert.ok(found.kind === 'valid');
  return found.certificate;
}

/** Of a message of our own people that nothing speaks against. */
export function outwardFacts(certificate: ValidatedCertificate | null): OutwardFacts {
  return {
    originator: 'authenticated',
    innerSignatures: 'none',
    certificate:
      certificate === null
        ? { kind: 'not-looked-up' }
        : { kind: 'found', certificate, door: 'pinned' },
    filter: { kind: 'clean', scanned: false },
    waitedMs: 0,
    protectedBytes: 0,
    nextHopLimitBytes: null,
    released: false,
    now: NOW,
  };
}

/** A spool of the worker's in a folder that goes with the test. */
export async function workerSpool(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-outward-'));
  const [worker, egress] = [generateReaderKey(), generateReaderKey()];
  const logger = createLogger({ service: 'test', now: () => NOW, write: () => {} });
  const spool = await Spool.open({
    folder,
    readerKeys: { worker: worker.publicKeyPem, egress: egress.publicKeyPem },
    privateKey: { name: 'worker', pem: worker.privateKeyPem },
    logger,
  });
  t.after(async () => {
    await spool.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, spool, logger };
}

/** All of a queue file's header but its id. */
export const HEADER: Omit<QueueFileHeader, 'id'> = {
  version: 1,
  createdAt: NOW.toISOString(),
  origin: 'outward',
  reversePath: 'ann@acme.example',
  forwardPaths: [{ path: 'bob@bravo.example' }],
  client: null,
  evidence: 'login ann',
  dsn: {},
  smtpUtf8: false,
  eightBit: false,
  requireTls: false,
  extra: {},
};

/** The layers of a message of which nothing is encrypted to us. */
export async function openForeign(content: Content): Promise<OpenedMessage> {
  const opened = await openLayers(content, {
    ownRecipients: [],
    unwrapper: { unwrap: () => Promise.reject(new Error('nothing is ours')) },
    mayOpen: () => Promise.resolve(true),
    knownCertificates: [],
    limits: MESSAGE_LIMITS,
  });
  assert.ok(opened.kind === 'opened');
  return opened.message;
}
