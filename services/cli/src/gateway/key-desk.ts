import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isSystemError } from '@sallyport/disk';
import {
  type CallResult,
  type Handlers,
  IpcRefused,
  type IpcServer,
  type KeyDeskProtocol,
  KeyFileFault,
  type KeyRecord,
  keyDeskProtocol,
  parseTokenUri,
  serveSocket,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import type { Clock, Domain } from '@sallyport/mail';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { publicationOf } from '../commands/dns.ts';
import type { Gateway } from '../commands/gateway-access.ts';
import { canRequest } from '../commands/key.ts';
import { activateKey, schedule } from '../commands/key-activation.ts';
import { authorityOf, certifyKey, chainOf, publicKeyOf } from '../commands/key-certificate.ts';
import { checkKind, makeKey } from '../commands/key-generate.ts';
import { makeDkimKey } from '../commands/key-generate-dkim.ts';
import { type KeySession, keyDomain, keyRecord, keySession } from '../commands/key-session.ts';
import { Complaint } from '../commands/run.ts';
import { linesOfKey } from './key-lines.ts';
import { planRetirement } from './keys-change.ts';
import type { OneAtATime } from './one-at-a-time.ts';

type Desk = Handlers<KeyDeskProtocol>;
type Step = CallResult<KeyDeskProtocol, 'generate'>;

/** What the desk needs. */
export interface KeyDeskParts {
  readonly gateway: Gateway;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Shared with all else in this process that changes keys. */
  readonly turns: OneAtATime;
}

const MAX_CERTIFICATES = 10;
/** A key that nobody certifies is soon forgotten: more than a few would be a mistake, or mischief. */
const MAX_GENERATED = 20;

/**
 * Takes orders that change keys from the console. It is the command line's own code behind a
 * socket, without what destroys a key and without the CA.
 */
export async function serveKeyDesk(parts: KeyDeskParts): Promise<IpcServer> {
  const path = parts.gateway.layout.sockets.keyDesk;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return await serveSocket({
    path,
    protocol: keyDeskProtocol,
    handlers: { ...ordersOf(parts), ...questionsOf(parts) },
    logger: parts.logger,
  });
}

type Orders = 'generate' | 'takeCertificate' | 'schedule' | 'cancel' | 'activate' | 'retire';

function ordersOf(parts: KeyDeskParts): Pick<Desk, Orders> {
  const order = (by: string, work: (session: KeySession) => Promise<Step>): Promise<Step> =>
    inTurn(parts, by, work);
  const planned = (by: string, keyId: string, at: Date | null) =>
    order(by, async (session) => {
      const record = await keyRecord(session.gateway, keyId);
      return stepOf(await schedule(session, record, at));
    });
  return {
    generate: ({ by, ...wanted }) => order(by, (session) => generate(session, wanted)),
    takeCertificate: ({ by, ...given }) => order(by, (session) => takeCertificate(session, given)),
    schedule: ({ by, keyId, at }) => planned(by, keyId, new Date(at)),
    cancel: ({ by, keyId }) => planned(by, keyId, null),
    activate: ({ by, keyId }) =>
      order(by, async (session) => {
        const { record, former } = await activateKey(session, keyId);
        return stepOf(record, former);
      }),
    retire: ({ by, keyId }) =>
      order(by, async (session) => {
        const { now } = session;
        const plan = planRetirement({ records: await session.records(), keyId, now });
        const [{ record }] = await session.carryOut(plan);
        return stepOf(record);
      }),
  };
}

function questionsOf({ gateway, clock }: KeyDeskParts): Pick<Desk, Exclude<keyof Desk, Orders>> {
  const { config } = gateway;
  return {
    zone: ({ domain: named }) =>
      refusing(gateway, async () => {
        const domains = config.domains.map(({ name }) => name);
        const domain = keyDomain(gateway, named ?? domains[0]);
        const { records, files } = await publicationOf(gateway, { domain, now: clock.now() });
        return { domain, domains, records: [...records], files: [...files] };
      }),
    linesOf: ({ keyId }) =>
      refusing(gateway, async () => ({
        records: [...linesOfKey(await keyRecord(gateway, keyId), config)],
      })),
  };
}

/** Each order sees the keys as the one before left them. */
async function inTurn(
  { gateway, clock, turns }: KeyDeskParts,
  by: string,
  work: (session: KeySession) => Promise<Step>,
): Promise<Step> {
  return await refusing(
    gateway,
    async () =>
      await turns.run(
        async () => await work(keySession(gateway, { by, offline: false, now: clock.now() })),
      ),
  );
}

/** What a command would complain of is a refusal here; folders of the host are nobody's business there. */
async function refusing<T>({ layout }: Gateway, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Complaint) throw new IpcRefused(null, error.message);
    if (error instanceof KeyFileFault) {
      throw new IpcRefused(null, `${error.message.replaceAll(`${layout.keys}/`, '')}.`);
    }
    // Accounts of their own (systemd): a file of another process may be closed to this one.
    const closed = closedFile(error);
    if (closed !== null)
      throw new IpcRefused(null, `The file ${closed} is closed to this process.`);
    throw error;
  }
}

function closedFile(error: unknown): string | null {
  if (!isSystemError(error, 'EACCES') && !isSystemError(error, 'EPERM')) return null;
  const { path = '' } = error as NodeJS.ErrnoException;
  return basename(path);
}

async function generate(
  session: KeySession,
  wanted: Omit<Parameters<Desk['generate']>[0], 'by'>,
): Promise<Step> {
  const { class: keyClass, algorithm, selector } = wanted;
  const domain = keyDomain(session.gateway, wanted.domain);
  checkKind(algorithm, keyClass);
  if (keyClass !== 'dkim' && !canRequest(algorithm)) {
    throw new Complaint(
      `A key of the kind ${algorithm} cannot sign a request for its own certificate; make it with: sallyport key generate --self-issue.`,
    );
  }
  const records = await session.records();
  if (records.filter(({ state }) => state === 'generated').length >= MAX_GENERATED) {
    throw new Complaint(
      `There are ${MAX_GENERATED} keys already that wait for a certificate; destroy those that nobody needs: sallyport key destroy.`,
    );
  }
  const token = tokenInUse(records, { keyClass, domain });
  if (keyClass === 'dkim') {
    if (selector === undefined) throw new Complaint('A DKIM key needs its selector.');
    return stepOf(await makeDkimKey(session, { domain, algorithm, token, selector }));
  }
  if (keyClass === 'statement') throw new Complaint('Keys of this class are not made here.');
  return stepOf(await makeKey(session, { keyClass, domain, algorithm, token, issuer: null }));
}

/** A successor is kept where the key in use is: nobody takes a key off its token by a click. */
function tokenInUse(
  records: readonly KeyRecord[],
  of: { readonly keyClass: KeyRecord['class']; readonly domain: Domain },
): string | undefined {
  const active = records.find(
    (one) => one.class === of.keyClass && one.domain === of.domain && one.state === 'active',
  );
  if (active?.token === undefined) return undefined;
  const uri = parseTokenUri(active.token);
  if ('reason' in uri || uri.token === undefined) {
    throw new Complaint(
      `The key in use is on a token that has no label; make its successor with: sallyport key generate --token LABEL.`,
    );
  }
  return uri.token;
}

async function takeCertificate(
  session: KeySession,
  given: Omit<Parameters<Desk['takeCertificate']>[0], 'by'>,
): Promise<Step> {
  const { gateway } = session;
  const record = await keyRecord(gateway, given.keyId);
  const [leaf, ...others] = certificatesIn(given.pem, 'The text');
  if (leaf === undefined) throw new Complaint('The text holds no certificate in PEM.');
  const { keyClass, domain } = authorityOf(leaf, gateway, 'It');
  if (keyClass !== record.class || domain !== record.domain) {
    throw new Complaint(
      `The certificate is for ${keyClass} of ${domain}, and the key ${record.keyId} for ${record.class} of ${record.domain}.`,
    );
  }
  if (record.state === 'destroyed' || !leaf.spki.equals(await publicKeyOf(gateway, record))) {
    throw new Complaint(`The certificate is not for the key ${record.keyId}.`);
  }
  const anchors = given.anchors === undefined ? null : certificatesIn(given.anchors, 'The root');
  const hint = 'give the root of an outside CA as well';
  const chain = await chainOf(leaf, others, { session, keyClass, anchors, hint });
  return stepOf(await certifyKey(session, record, { leaf, chain }));
}

function certificatesIn(pem: string, what: string): readonly Certificate[] {
  if (pem.includes('PRIVATE KEY')) {
    throw new Complaint(`${what} holds a private key, which belongs nowhere but into the gateway.`);
  }
  const found = parsePemCertificates(pem);
  if (found.length > MAX_CERTIFICATES) {
    throw new Complaint(`${what} holds more than ${MAX_CERTIFICATES} certificates.`);
  }
  return found.map((one) => {
    if (one.kind === 'certificate') return one.value;
    throw new Complaint(`${what} holds a certificate that cannot be read: ${one.reason}.`);
  });
}

function stepOf(record: KeyRecord, former: readonly KeyRecord[] = []): Step {
  const { keyId, state, activateAt } = record;
  return {
    keyId,
    state,
    activateAt: activateAt ?? null,
    former: former.map((one) => ({ keyId: one.keyId, state: one.state })),
  };
}
