import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { KeyUnwrapper } from '@sallyport/domsec';
import { Secret } from '@sallyport/log';
import { bufferContent, newQueueId, readContent } from '@sallyport/mail';
import { formatPemCertificate } from '@sallyport/pki';
import { parsePolicyDocument } from '@sallyport/policy';
import { unwrapContentKey } from '../../services/keyholder/src/unwrap.ts';
import { type JudgePorts, judgeMessage } from '../../services/worker/src/inward/judge.ts';
import {
  type Keyring,
  recipientParams,
} from '../../services/worker/src/shared/keyholder-client.ts';
import { silentLookup } from '../../services/worker/src/shared/test-lookup-ports.ts';
import { CAST, SMIME_NOW } from './smime-identities.ts';

export type Judgement = Awaited<ReturnType<typeof judgeMessage>>;
type Judged = Extract<Judgement, { kind: 'judged' }>;

const anchors = [formatPemCertificate(CAST.root.certificate.der)];

/** Rules for everybody: the strictest there is, and the most lenient. */
const INBOUND = {
  strict: { signature: 'domain-required', encryption: 'when-present', otherwise: 'refuse' },
  any: { signature: 'any-required', encryption: 'when-present', otherwise: 'refuse' },
  lenient: { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' },
} as const;
export type Rule = keyof typeof INBOUND;

const active = Object.fromEntries(
  Object.entries(INBOUND).map(([name, inbound]) => {
    const parsed = parsePolicyDocument({
      partners: [{ name: 'Bravo', domains: ['bravo.example'], inbound, trust: { anchors } }],
      default: { inbound, trust: { anchors } },
    });
    assert.ok(parsed.kind === 'ok');
    return [name, { version: 1, sha256: '', policy: parsed.policy }];
  }),
) as Record<Rule, Parameters<typeof judgeMessage>[1]>;

/** The policy document of a rule, for those who need the whole service. */
export const activePolicy = (rule: Rule): Parameters<typeof judgeMessage>[1] => active[rule];

const keys = { privateKey: CAST.dca.key, rejectionSecret: new Secret(randomBytes(32)) };

/** What keyholder answers, by its own code, and how often it was asked. */
export interface CountingKeyring {
  readonly keyring: Keyring;
  readonly asked: () => number;
}

/** A keyring that is keyholder's code in this process. */
export function countingKeyring(): CountingKeyring {
  let asked = 0;
  const unwrapper: KeyUnwrapper = {
    unwrap: async (request) => {
      asked += 1;
      const { keyId, keyBytes } = request;
      return unwrapContentKey({ keyId, keyBytes, recipient: recipientParams(request) }, keys);
    },
  };
  const keyring = {
    ownRecipients: async () => [{ keyId: 'dca', certificate: CAST.dca.certificate }],
    unwrapperFor: () => unwrapper,
  };
  return { keyring: keyring as unknown as Keyring, asked: () => asked };
}

/** Judges a message as worker inward does, with the keyholder's own code for the key. */
export async function judge(
  bytes: Buffer,
  rule: Rule,
  ports: Partial<JudgePorts> = {},
): Promise<{ readonly judgement: Judgement; readonly unwraps: number }> {
  const { keyring, asked } = countingKeyring();
  const judgement = await judgeMessage(
    {
      queueId: newQueueId(SMIME_NOW),
      client: null,
      reversePath: 'bounce@relay.example',
      content: bufferContent(bytes),
      released: false,
    },
    activePolicy(rule),
    {
      keyring,
      scanner: null,
      mayOpen: async () => true,
      correlates: async () => false,
      authservId: 'gw.acme.example',
      lookup: silentLookup({ now: () => SMIME_NOW }),
      now: SMIME_NOW,
      ...ports,
    },
  );
  return { judgement, unwraps: asked() };
}

/** Decision and fault in two words. */
export function outcomeOf(judgement: Judgement): string {
  if (judgement.kind === 'malformed') return `malformed ${judgement.fault}`;
  const { decision } = judgement;
  return 'fault' in decision ? `${decision.kind} ${decision.fault}` : decision.kind;
}

/** What the inner recipient would get. */
export async function deliveredText({ delivered }: Judged): Promise<string> {
  return (await readContent(delivered)).toString('latin1');
}
