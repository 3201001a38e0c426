import type {
  CallParams,
  DescribedCertificate,
  KeyDeskProtocol,
  KeyStepDone,
  PublicKeyFacts,
  PublishedRecord,
} from '@sallyport/ipc';
import type { Actor } from '../actor.ts';
import type { DeskPorts } from './desk.ts';
import { orAway, orRefused, type Refused } from './refused.ts';

/** A page of the keyholder is 100 keys; a folder has 10,000 records at the most. */
const MAX_PAGES = 100;
const PEM_LINE = /.{1,64}/g;

/** What is public of a key, and why it is left out if its files are broken. */
export interface KeyView extends PublicKeyFacts {
  readonly quarantined: string | null;
}

interface KeyList {
  readonly keys: readonly KeyView[];
  /** Records that cannot even be read. */
  readonly unreadable: readonly { readonly keyId: string; readonly reason: string }[];
}

type Order<M extends 'generate' | 'takeCertificate'> = Omit<CallParams<KeyDeskProtocol, M>, 'by'>;
export type StepAnswer = { readonly kind: 'done'; readonly step: KeyStepDone } | Refused;
type RequestAnswer = { readonly kind: 'request'; readonly pem: string } | Refused;

/** All that the console does with keys. It holds none, and reads no certificate itself. */
export interface KeysDesk {
  list(): Promise<KeyList>;
  find(keyId: string): Promise<KeyView | null>;
  /** Every field of its certificate; null without one, or while nobody can read it. */
  describe(key: KeyView): Promise<DescribedCertificate | null>;
  /** The zone lines that the key adds. @throws IpcRefused if they cannot be read. */
  lines(keyId: string): Promise<readonly PublishedRecord[]>;
  /** A signed request for its certificate (RFC 2986); on record before the key is used. */
  request(actor: Actor, keyId: string): Promise<RequestAnswer>;
  generate(actor: Actor, wanted: Order<'generate'>): Promise<StepAnswer>;
  takeCertificate(actor: Actor, given: Order<'takeCertificate'>): Promise<StepAnswer>;
  schedule(actor: Actor, keyId: string, at: Date): Promise<StepAnswer>;
  cancel(actor: Actor, keyId: string): Promise<StepAnswer>;
  activate(actor: Actor, keyId: string): Promise<StepAnswer>;
  retire(actor: Actor, keyId: string): Promise<StepAnswer>;
}

export function createKeysDesk({ sockets, record }: DeskPorts): KeysDesk {
  const { keyholder, keyDesk, advise } = sockets;
  const step = async (order: () => Promise<KeyStepDone>): Promise<StepAnswer> => {
    return await orRefused(async () => ({ kind: 'done', step: await order() }) as const);
  };
  const list = async (): Promise<KeyList> => await listKeys(sockets);
  const find = async (keyId: string): Promise<KeyView | null> =>
    (await list()).keys.find((one) => one.keyId === keyId) ?? null;
  /** The keyholder leaves such a key out: the former one would go out of use, and none come into it. */
  const unlessBroken = async (keyId: string, order: () => Promise<StepAnswer>) => {
    const reason = (await find(keyId))?.quarantined ?? null;
    if (reason === null) return await order();
    const sentence = `The files of the key ${keyId} are broken, so it cannot be used: ${reason}.`;
    return { kind: 'refused', sentence } as const;
  };
  return {
    list,
    find,
    describe: async ({ certificate }) => {
      if (certificate === null) return null;
      return await described(advise, certificate.der);
    },
    lines: async (keyId) => (await keyDesk.call('linesOf', { keyId })).records,
    request: async ({ name }, keyId) =>
      await orRefused(async () => {
        const personal = { by: name };
        await record({
          kind: 'console-order',
          order: 'sign-request',
          details: { keyId },
          personal,
        });
        const { csr } = await keyholder.call('signCsr', { keyId });
        return { kind: 'request', pem: pemOf(csr) } as const;
      }),
    generate: async ({ name }, wanted) =>
      await step(() => keyDesk.call('generate', { ...wanted, by: name })),
    takeCertificate: async ({ name }, given) =>
      await step(() => keyDesk.call('takeCertificate', { ...given, by: name })),
    schedule: async ({ name }, keyId, at) =>
      await unlessBroken(keyId, () =>
        step(() => keyDesk.call('schedule', { keyId, at: at.toISOString(), by: name })),
      ),
    cancel: async ({ name }, keyId) =>
      await step(() => keyDesk.call('cancel', { keyId, by: name })),
    activate: async ({ name }, keyId) =>
      await unlessBroken(keyId, () => step(() => keyDesk.call('activate', { keyId, by: name }))),
    retire: async ({ name }, keyId) =>
      await step(() => keyDesk.call('retire', { keyId, by: name })),
  };
}

async function listKeys({ keyholder }: Pick<DeskPorts['sockets'], 'keyholder'>): Promise<KeyList> {
  const keys: KeyView[] = [];
  const broken = new Map<string, string>();
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES && (page === 0 || after !== null); page += 1) {
    const part: Awaited<ReturnType<typeof nextPage>> = await nextPage(keyholder, after);
    for (const { keyId, reason } of part.quarantined) broken.set(keyId, reason);
    keys.push(...part.keys.map((key) => ({ ...key, quarantined: null })));
    after = part.next;
  }
  const known = new Set(keys.map(({ keyId }) => keyId));
  return {
    keys: keys.map((key) => ({ ...key, quarantined: broken.get(key.keyId) ?? null })),
    unreadable: [...broken].flatMap(([keyId, reason]) =>
      known.has(keyId) ? [] : [{ keyId, reason }],
    ),
  };
}

async function nextPage(keyholder: DeskPorts['sockets']['keyholder'], after: string | null) {
  return await keyholder.call('list', after === null ? {} : { after });
}

/** What a page shows beside the keyholder's own facts: it does not fail for want of them. */
async function described(
  advise: DeskPorts['sockets']['advise'],
  der: string,
): Promise<DescribedCertificate | null> {
  return await orAway(async () => {
    const { certificates } = await advise.call('describe', { certificates: [der] });
    const [first] = certificates;
    return first?.kind === 'certificate' ? first.value : null;
  });
}

function pemOf(base64: string): string {
  const lines = base64.match(PEM_LINE) ?? [];
  const label = 'CERTIFICATE REQUEST';
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
