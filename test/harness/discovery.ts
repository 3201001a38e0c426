import assert from 'node:assert/strict';
import { loadConfig } from '@sallyport/config';
import { adviseProtocol, type CallResult, connectSocket } from '@sallyport/ipc';
import { LookupMemory, type Random } from '@sallyport/lookup';
import { parseMailbox, systemClock } from '@sallyport/mail';
import { outwardRuleFor } from '@sallyport/policy';
import { readActivePolicy } from '@sallyport/policy-store/read';
import { processSpecs } from '../../services/cli/src/gateway/roles.ts';
import { workerOptionsSchema } from '../../services/worker/src/options.ts';
import {
  type LocatedCertificate,
  locateForRecipient,
} from '../../services/worker/src/outward/certificates.ts';
import { createLookupPorts } from '../../services/worker/src/shared/lookup-ports.ts';
import type { Dns } from './dns.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { freePort } from './ports.ts';

type Located = CallResult<typeof adviseProtocol, 'locate'>;
type Simulated = CallResult<typeof adviseProtocol, 'simulate'>;
type Step = Located['steps'][number];

/** A partner of the gateway that looks for certificates. */
export interface SoughtPartner {
  readonly domain: string;
  readonly to?: readonly ('user' | 'domain')[];
  readonly discovery?: readonly string[];
  /** Goes over the anchors, `revocation: off`. */
  readonly trust?: object;
}

/** A running gateway that is asked for certificates, as `cert locate` and `partner simulate` ask. */
export interface Seeker extends AsyncDisposable {
  readonly gateway: Gateway;
  /** Finds what mail for the address would be encrypted to. */
  locate(address: string): Promise<Located>;
  /** What would happen to a message for it, for example `hold (recipient-certificate-missing)`. */
  decide(address: string): Promise<Simulated['decision']>;
}

const DEADLINE_MS = 30_000;

/** Starts the gateway of `acme.example` before this resolver, whose DNSSEC it trusts. */
export async function startSeeker(
  dns: Pick<Dns, 'host' | 'port'>,
  partners: readonly SoughtPartner[],
  anchors: readonly string[],
): Promise<Seeker> {
  const nobody = await freePort();
  const gateway = await startGateway(
    {
      domain: 'acme.example',
      innerPort: nobody,
      dnsPort: dns.port,
      egressPort: nobody,
      config: { dns: { servers: [`${dns.host}:${dns.port}`], trusted: true } },
    },
    { partners: partners.map((partner) => soughtRecord(partner, anchors)) },
  );
  const advise = connectSocket({
    path: gateway.layout.sockets.advise,
    protocol: adviseProtocol,
    deadlineMs: DEADLINE_MS,
  });
  return {
    gateway,
    locate: async (address) => await advise.call('locate', { address }),
    decide: async (address) =>
      (await advise.call('simulate', { from: 'alice@acme.example', to: address })).decision,
    [Symbol.asyncDispose]: async () => {
      advise.close();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** The partner's record in a policy. */
export function soughtRecord(partner: SoughtPartner, anchors: readonly string[]): object {
  const { domain, to = ['domain'], discovery = ['smimea', 'cert', 'ldap-srv'] } = partner;
  return {
    name: domain,
    domains: [domain],
    outbound: { to, discovery },
    trust: { anchors, revocation: 'off', ...partner.trust },
  };
}

/**
 * The searches of a gateway's worker advise in this process, whether it runs or not: its options, its
 * policy, its doors, but a chance that can be played again, and each search without memory of others.
 */
export async function seekInProcess(
  { configFile, layout }: Pick<Gateway, 'configFile' | 'layout'>,
  random: Random,
): Promise<(address: string) => Promise<LocatedCertificate>> {
  const loaded = await loadConfig(configFile);
  assert.ok(loaded.kind === 'ok');
  const [spec] = processSpecs(loaded.config, ['worker-advise']);
  const ports = await createLookupPorts(workerOptionsSchema.parse(spec?.options), systemClock);
  const { policy } = await readActivePolicy(layout.policy, systemClock.now());
  return async (address) => {
    const mailbox = parseMailbox(address);
    assert.ok(mailbox !== null);
    const fresh = { ...ports, random, memory: new LookupMemory(systemClock) };
    const applied = outwardRuleFor(policy, mailbox.domain);
    return await locateForRecipient(mailbox, applied, fresh, systemClock.now());
  };
}

/** A trace without its times and reasons: `door outcome query at server`. */
export function outline(steps: readonly Step[]): string[] {
  return steps.map(({ door, outcome, query, server }) =>
    [door, outcome, query, ...(server === undefined ? [] : ['at', server])].join(' '),
  );
}

/**
 * Asserts which certificates were found and not used: behind which door and bound to whom, and why, in
 * the order of the steps. A text is what the reason begins with.
 */
export function assertRefusals(
  steps: readonly Step[],
  expected: readonly (readonly [string, string | RegExp])[],
): void {
  const refused = steps.filter(({ outcome }) => outcome === 'unusable');
  const seen = refused.map(
    ({ door, query, reason }) => [`${door} ${query.split(' ').at(-1) ?? ''}`, reason] as const,
  );
  const listed = JSON.stringify(seen, null, 1);
  assert.deepEqual(
    seen.map(([place]) => place),
    expected.map(([place]) => place),
    listed,
  );
  for (const [index, [, reason]] of expected.entries()) {
    const found = seen[index]?.[1] ?? '';
    const fits = typeof reason === 'string' ? found.startsWith(reason) : reason.test(found);
    assert.ok(fits, `${String(reason)} is not in ${listed}`);
  }
}
