import { fitsKeyClass, type KeyAlgorithm, type KeyClass, type KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { generateKeyPairPem, type KeyKind } from '@sallyport/pki';
import type { AuthorityClass } from '../gateway/keys.ts';
import type { OwnCaIssuer } from '../gateway/keys-ca.ts';
import { planCertification } from '../gateway/keys-change.ts';
import { newKeyId, storePrivateKey } from '../gateway/private-keys.ts';
import { canRequest, csrOf, type OrganizationOptions, organizationOf } from './key.ts';
import { type KeyOptions, type KeySession, keyDomain, withKeySession } from './key-session.ts';
import { activate } from './key-steps.ts';
import { generateOnToken } from './keyholder-orders.ts';
import { note, print, printJson, printText } from './output.ts';
import { certifyByOwnCa, openOwnCa } from './own-ca.ts';
import { Complaint } from './run.ts';

export interface KeyGenerateOptions extends KeyOptions, OrganizationOptions {
  readonly for: AuthorityClass;
  readonly domain?: string;
  readonly algorithm?: KeyKind;
  readonly selector?: string;
  readonly token?: string;
  readonly selfIssue?: boolean;
  readonly passphraseFile?: string;
  readonly activate?: boolean;
}

const ALGORITHM = 'rsa-3072';

/** Makes a key pair, with a certificate of the own CA or a request for a CA outside. */
export async function runKeyGenerate(options: KeyGenerateOptions): Promise<number> {
  const { algorithm = ALGORITHM, for: keyClass } = options;
  if (options.selector !== undefined) throw new Complaint('--selector is for dkim keys only.');
  if (options.activate === true && options.selfIssue !== true) {
    throw new Complaint('Only a key with a certificate can be activated: give --self-issue too.');
  }
  checkKind(algorithm, keyClass);
  if (!canRequest(algorithm) && options.selfIssue !== true) {
    throw new Complaint(
      `A key of the kind ${algorithm} cannot sign a request for its own certificate: give --self-issue.`,
    );
  }
  const organization = organizationOf(options);
  return await withKeySession(options, async (session) => {
    const { gateway } = session;
    const domain = keyDomain(gateway, options.domain);
    const issuer =
      options.selfIssue === true ? await openOwnCa(gateway, options.passphraseFile) : null;
    const { token } = options;
    let record = await makeKey(session, {
      keyClass,
      domain,
      algorithm,
      token,
      issuer,
    });
    if (options.activate === true) record = await activate(session, record.keyId);
    const csr = record.certificate === null ? await csrOf(gateway, record, organization) : null;
    if (options.json === true) {
      const { keyId, state } = record;
      printJson({ keyId, state, ...(csr === null ? {} : { csr }) });
    } else if (csr === null) print(`${record.keyId} is ${record.state}.`);
    else {
      note(
        `${record.keyId} is ${record.state}; have this request signed, then: sallyport key import.`,
      );
      printText(csr);
    }
    return 0;
  });
}

/** @throws Complaint if a key of this kind cannot do what the class is for. */
export function checkKind(algorithm: KeyAlgorithm, keyClass: KeyClass): void {
  if (fitsKeyClass(algorithm, keyClass)) return;
  throw new Complaint(`A key of the kind ${algorithm} cannot serve ${keyClass}.`);
}

/** A new key, each step recorded: `generated`, or `pending` if the own CA certifies it. */
export async function makeKey(
  session: KeySession,
  wanted: {
    readonly keyClass: AuthorityClass;
    readonly domain: Domain;
    readonly algorithm: KeyKind;
    /** The label of a token that makes and keeps the key. */
    readonly token: string | undefined;
    readonly issuer: OwnCaIssuer | null;
  },
): Promise<KeyRecord> {
  const { gateway, now } = session;
  const { keyClass, domain, algorithm, issuer } = wanted;
  const facts = { class: keyClass, domain, algorithm, now };
  const keyId = newKeyId({ ...facts, records: await session.records() });
  const { spki, place } = await newKeyPair(session, { ...wanted, keyId });
  // Before the key is stored: a CA that cannot issue leaves nothing behind.
  const certified =
    issuer === null ? null : await certifyByOwnCa(session, issuer, { keyClass, domain, spki });
  const generated = await storePrivateKey({ layout: gateway.layout, keyId, place, ...facts });
  const [{ record }] = await session.carryOut({
    changes: [{ from: null, step: 'generate', record: generated }],
  });
  if (certified === null) return record;
  const [change] = await session.carryOut(planCertification(record, certified, now));
  return change.record;
}

/** A key pair that is in no record yet: its public half, and where the private one is. */
export async function newKeyPair(
  { gateway }: KeySession,
  wanted: {
    readonly keyClass: KeyClass;
    readonly algorithm: KeyKind;
    readonly token: string | undefined;
    readonly keyId: string;
  },
) {
  const { keyClass, algorithm, token, keyId: label } = wanted;
  if (token === undefined) {
    const { spki, privateKeyPem } = generateKeyPairPem(algorithm);
    return { spki, place: { privateKeyPem } };
  }
  const made = await generateOnToken(gateway, { class: keyClass, algorithm, token, label });
  return { spki: Buffer.from(made.spki, 'base64'), place: { token: made.uri } };
}
