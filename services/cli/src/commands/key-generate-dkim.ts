import { canBeOnToken, dkimSelectorSchema, type KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import type { KeyKind } from '@sallyport/pki';
import { dkimData, dkimName } from '../gateway/dkim-record.ts';
import { newKeyId, storePrivateKey } from '../gateway/private-keys.ts';
import { checkKind, type KeyGenerateOptions, newKeyPair } from './key-generate.ts';
import { type KeySession, keyDomain, keyFacts, withKeySession } from './key-session.ts';
import { note, print, printJson } from './output.ts';
import { Complaint } from './run.ts';

const ALGORITHM = 'rsa-2048';

/** Makes a DKIM key and prints the TXT record to publish before it is activated. */
export async function runKeyGenerateDkim(
  options: Omit<KeyGenerateOptions, 'for'>,
): Promise<number> {
  const { algorithm = ALGORITHM, token } = options;
  if (options.selfIssue === true) throw new Complaint('A dkim key has no certificate.');
  if (options.activate === true) {
    throw new Complaint('Publish its TXT record first, then: sallyport key activate.');
  }
  checkKind(algorithm, 'dkim');
  if (token !== undefined && !canBeOnToken(algorithm)) {
    throw new Complaint(`A ${algorithm} key cannot be used on a token.`);
  }
  const selector = selectorOf(options.selector);
  return await withKeySession(options, async (session) => {
    const domain = keyDomain(session.gateway, options.domain);
    const record = await makeDkimKey(session, { domain, algorithm, token, selector });
    const { keyId } = record;
    const publish = { name: dkimName(record), type: 'TXT', data: dkimData(record) };
    if (options.json === true) printJson({ ...keyFacts(record), publish });
    else {
      note(
        `${keyId} is ${record.state}; publish this, see it with dns --check, then: key activate.`,
      );
      print(`${publish.name} IN TXT ${publish.data}`);
    }
    return 0;
  });
}

/** A new DKIM key, recorded: `generated`, so that its TXT record can be published first. */
export async function makeDkimKey(
  session: KeySession,
  wanted: {
    readonly domain: Domain;
    readonly algorithm: KeyKind;
    /** The label of a token that makes and keeps the key. */
    readonly token: string | undefined;
    readonly selector: string;
  },
): Promise<KeyRecord> {
  const { gateway, now } = session;
  const { domain, algorithm, token, selector } = wanted;
  await checkFree(session, { domain, selector });
  const facts = { class: 'dkim', domain, algorithm, now } as const;
  const keyId = newKeyId({ ...facts, records: await session.records() });
  const { spki, place } = await newKeyPair(session, { keyClass: 'dkim', algorithm, token, keyId });
  const stored = await storePrivateKey({ layout: gateway.layout, keyId, place, ...facts });
  const generated = {
    ...stored,
    dkimSelector: selector,
    dkimPublicKey: spki.toString('base64'),
  };
  const [{ record }] = await session.carryOut({
    changes: [{ from: null, step: 'generate', record: generated }],
  });
  return record;
}

function selectorOf(text: string | undefined): string {
  if (text === undefined) throw new Complaint('A dkim key needs its --selector.');
  const parsed = dkimSelectorSchema.safeParse(text.toLowerCase());
  if (parsed.success) return parsed.data;
  throw new Complaint(`${text} is no selector: letters, digits and hyphens, 63 at most.`);
}

// Verifiers would find one of the two, and refuse what the other signed.
async function checkFree(
  session: KeySession,
  { domain, selector }: { readonly domain: string; readonly selector: string },
): Promise<void> {
  const taken = (await session.records()).find(
    (one) => one.dkimSelector === selector && one.domain === domain && one.state !== 'destroyed',
  );
  if (taken === undefined) return;
  throw new Complaint(`The selector ${selector} belongs to the key ${taken.keyId}; take another.`);
}
