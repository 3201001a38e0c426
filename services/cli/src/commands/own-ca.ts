import { createHash } from 'node:crypto';
import type { CaOperation } from '@sallyport/audit-log';
import { type Domain, newQueueId } from '@sallyport/mail';
import { formatPemCertificate, type UnsignedStructure } from '@sallyport/pki';
import type { AuthorityClass } from '../gateway/keys.ts';
import {
  checkOwnCertificate,
  composeByOwnCa,
  type OwnCaIssuer,
  openOwnCaKey,
  readOwnCa,
} from '../gateway/keys-ca.ts';
import { crlUrlsOf } from '../gateway/own-crl.ts';
import { readSecret } from './ask-secret.ts';
import type { Gateway } from './gateway-access.ts';
import type { KeySession } from './key-session.ts';
import { Complaint } from './run.ts';

/** Opens the own CA with its passphrase. @throws Complaint if there is none, or it does not open. */
export async function openOwnCa(
  gateway: Gateway,
  passphraseFile: string | undefined,
): Promise<OwnCaIssuer> {
  const certificate = await readOwnCa(gateway.layout);
  if (certificate === null) throw new Complaint('This gateway has no CA of its own.');
  const source = {
    file: passphraseFile,
    option: '--passphrase-file',
    what: 'Passphrase of the CA key',
    isNew: false,
  };
  const privateKey = await openOwnCaKey(gateway.layout, await readSecret(source));
  if (privateKey === null)
    throw new Complaint('The CA key does not open with this passphrase; nothing was done.');
  return { certificate, privateKey };
}

/** A certificate of the own CA, as a key record has it. @throws Complaint if partners would refuse it. */
export async function certifyByOwnCa(
  session: KeySession,
  issuer: OwnCaIssuer,
  request: {
    readonly keyClass: AuthorityClass;
    readonly domain: Domain;
    readonly spki: Buffer;
  },
): Promise<{ readonly certificate: string; readonly chain: readonly [] }> {
  const { gateway, now } = session;
  const crlUrls = crlUrlsOf(gateway.config);
  const unsigned = composeByOwnCa({ ...request, issuer, crlUrls, now });
  const check = (der: Buffer): void => {
    const refusal = checkOwnCertificate(der, { issuer, now });
    if (refusal === null) return;
    throw new Complaint(`The own CA cannot issue this certificate: ${refusal}.`);
  };
  const der = await signByOwnCa(session, { operation: 'sign-certificate', unsigned, check });
  return { certificate: formatPemCertificate(der), chain: [] };
}

/** No key of the key folder has this name: those begin with their class. */
const CA_KEY_ID = 'ca';

/**
 * Uses the key of the own CA between two durable records: intent first, outcome before anybody gets
 * what was signed. With --offline neither is made.
 *
 * @throws Complaint if a record cannot be made: the key is not used then, or what it signed is dropped.
 *   What `check` throws is recorded as failed and thrown on.
 */
export async function signByOwnCa(
  session: KeySession,
  order: {
    readonly operation: CaOperation;
    readonly unsigned: UnsignedStructure;
    /** Throws if what was signed must not leave. */
    readonly check?: (der: Buffer) => void;
  },
): Promise<Buffer> {
  const { operation, unsigned, check } = order;
  const use = { queueId: newQueueId(session.now), keyId: CA_KEY_ID, operation } as const;
  const contentDigest = sha256(unsigned.tbs);
  const intent = await session.record({ kind: 'key-intent', ...use, contentDigest });
  const close = async (facts: OutcomeFacts): Promise<void> => {
    if (intent === null) return; // --offline
    await session.record({ kind: 'key-outcome', ...use, intent, ...facts });
  };
  let signed: ReturnType<UnsignedStructure['sign']>;
  try {
    signed = unsigned.sign();
    check?.(signed.der);
  } catch (error) {
    await close({ outcome: 'failed' });
    throw error;
  }
  await close({ outcome: 'done', signatureDigest: sha256(signed.signature) });
  return signed.der;
}

type OutcomeFacts =
  | { readonly outcome: 'failed' }
  | { readonly outcome: 'done'; readonly signatureDigest: string };

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
