import type { KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import type { KeyKind } from '@sallyport/pki';
import { linesOfKey } from '../gateway/key-lines.ts';
import type { AuthorityClass } from '../gateway/keys.ts';
import { readOwnCa } from '../gateway/keys-ca.ts';
import type { Gateway } from './gateway-access.ts';
import { csrOf, type OrganizationOptions, organizationOf } from './key.ts';
import { schedule } from './key-activation.ts';
import { checkKind, makeKey } from './key-generate.ts';
import { type KeyOptions, keyDomain, keyFacts, withKeySession } from './key-session.ts';
import { activate, timeOf } from './key-steps.ts';
import { note, print, printJson, printText } from './output.ts';
import { openOwnCa } from './own-ca.ts';
import { Complaint } from './run.ts';

/** DNS lines are seldom kept longer than a day; the second is for those who publish them. */
const OVERLAP_MS = 48 * 3_600_000;

export interface KeyRolloverOptions extends KeyOptions, OrganizationOptions {
  readonly for?: AuthorityClass;
  readonly domain?: string;
  readonly algorithm?: KeyKind;
  readonly token?: string;
  readonly passphraseFile?: string;
  /** Requests for a CA outside, though there is one of our own. */
  readonly csr?: boolean;
  readonly at?: string;
  readonly now?: boolean;
}

const CLASSES: readonly AuthorityClass[] = ['domain-confidentiality', 'domain-signing'];

/**
 * Makes the successors of the keys in use and plans when they take over. Until then partners can
 * find the new certificates beside the former ones; afterwards mail to the former key still opens,
 * and what it signed still verifies.
 */
export async function runKeyRollover(options: KeyRolloverOptions): Promise<number> {
  if (options.now === true && options.at !== undefined) {
    throw new Complaint('--now and --at exclude each other.');
  }
  const at = options.at === undefined ? null : timeOf(options.at);
  const classes = options.for === undefined ? CLASSES : [options.for];
  const organization = organizationOf(options);
  return await withKeySession(options, async (session) => {
    const { gateway, now } = session;
    const domain = keyDomain(gateway, options.domain);
    const records = await session.records();
    const wanted = classes.map((keyClass) => ({
      keyClass,
      algorithm: options.algorithm ?? algorithmInUse(records, keyClass, domain),
    }));
    for (const { algorithm, keyClass } of wanted) checkKind(algorithm, keyClass);
    checkNothingPlanned(records, classes, domain);
    const hasOwnCa = options.csr !== true && (await readOwnCa(gateway.layout)) !== null;
    const issuer = hasOwnCa ? await openOwnCa(gateway, options.passphraseFile) : null;
    const { token } = options;
    for (const { keyClass, algorithm } of wanted) {
      const made = await makeKey(session, { keyClass, domain, algorithm, token, issuer });
      if (issuer === null) {
        tellRequest(made, await csrOf(gateway, made, organization), options);
        continue;
      }
      const time = at ?? new Date(now.getTime() + OVERLAP_MS);
      const after =
        options.now === true
          ? await activate(session, made.keyId)
          : await schedule(session, made, time);
      tellSuccessor(gateway, after, options);
    }
    return 0;
  });
}

function algorithmInUse(
  records: readonly KeyRecord[],
  keyClass: AuthorityClass,
  domain: Domain,
): KeyKind {
  const active = records.find(
    (one) => one.class === keyClass && one.domain === domain && one.state === 'active',
  );
  return active?.algorithm ?? 'rsa-3072';
}

function checkNothingPlanned(
  records: readonly KeyRecord[],
  classes: readonly AuthorityClass[],
  domain: Domain,
): void {
  const planned = records.find(
    (one) =>
      one.activateAt !== undefined &&
      one.domain === domain &&
      classes.some((keyClass) => keyClass === one.class),
  );
  if (planned === undefined) return;
  throw new Complaint(
    `${planned.keyId} is planned to take over at ${planned.activateAt} already; take that back first: sallyport key activate ${planned.keyId} --cancel.`,
  );
}

function tellRequest(record: KeyRecord, csr: string, options: KeyOptions): void {
  if (options.json === true) {
    printJson({ ...keyFacts(record), csr });
    return;
  }
  note(
    `${record.keyId} is ${record.state}; have this request signed, take the certificate in (sallyport key import), then plan it: sallyport key activate ${record.keyId} --at TIME.`,
  );
  printText(csr);
}

function tellSuccessor({ config }: Gateway, record: KeyRecord, options: KeyOptions): void {
  const lines = linesOfKey(record, config);
  if (options.json === true) {
    printJson({ ...keyFacts(record), publish: lines });
    return;
  }
  print(
    record.activateAt === undefined
      ? `${record.keyId} is ${record.state}.`
      : `${record.keyId} is ${record.state} and takes over at ${record.activateAt}.`,
  );
  note(
    record.activateAt === undefined
      ? 'Publish these lines now; take the former ones away when their TTL has passed since.'
      : 'Publish these lines now, beside the ones there are; take the former ones away when, after it took over, their TTL has passed.',
  );
  for (const { name, type, data } of lines) printText(`${name} IN ${type} ${data}\n`);
}
