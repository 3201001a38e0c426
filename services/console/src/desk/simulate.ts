import {
  type adviseProtocol,
  type CallResult,
  MAX_DRAFT_CHARS,
  MAX_SIMULATED_BYTES,
} from '@sallyport/ipc';
import { type Domain, parseMailbox, parseReversePath } from '@sallyport/mail';
import { extractFor, type PolicyDocument, tlsDecider, tlsPolicyFor } from '@sallyport/policy';
import type { DeskPorts } from './desk.ts';
import { LOOK_MS, orLate } from './look.ts';
import type { PolicyDesk } from './policy.ts';
import type { OpenedVersion } from './policy-versions.ts';
import { orRefused, type Refused } from './refused.ts';

interface SimulateOrder {
  readonly from: string;
  readonly to: string;
  /** The message itself; null: as if it were short, unsigned and clean. */
  readonly message: Buffer | null;
  /** The version to decide by; null is the one in force. */
  readonly version: number | null;
}

type Answer = CallResult<typeof adviseProtocol, 'simulate'>;

export interface Simulated {
  readonly kind: 'simulated';
  readonly answer: Answer;
  /** The version that decided. */
  readonly version: number;
  readonly transport: Transport;
}

/** How it would go on, by the recipient's domain. */
interface Transport {
  readonly rule: string;
  readonly level: PolicyDocument['default']['tls']['level'];
  /** A route of the config that it goes by. */
  readonly route: string | null;
  /** policy: the level; route: what the route says of TLS; both: the level and the route. */
  readonly decides: 'policy' | 'route' | 'both';
}

export interface SimulateDesk {
  /** Says what would happen to a message and why; nothing is sent and nothing is kept. */
  simulate(order: SimulateOrder): Promise<Simulated | Refused>;
}

function refused(sentence: string): Refused {
  return { kind: 'refused', sentence };
}

export function createSimulateDesk(ports: DeskPorts, policy: PolicyDesk): SimulateDesk {
  return {
    simulate: async (order) => {
      const recipient = parseMailbox(order.to.trim());
      if (recipient === null) return refused('The recipient is not an address.');
      const fault = faultOf(order);
      if (fault !== null) return refused(fault);
      const { version } = order;
      const opened = version === null ? await policy.inForce() : await policy.open(version);
      if (opened === null) return refused('There is no such policy version.');
      const asked = { order, domain: recipient.domain, opened };
      const ask = async () => await orRefused(async () => await askFor(asked, ports));
      return await orLate(ask, LOOK_MS);
    },
  };
}

function faultOf({ from, message }: SimulateOrder): string | null {
  if (parseReversePath(from.trim()) === null) return 'The reverse-path is not an address.';
  return message !== null && message.length > MAX_SIMULATED_BYTES
    ? `A message to simulate has ${MAX_SIMULATED_BYTES} bytes at the most.`
    : null;
}

interface Asked {
  readonly order: SimulateOrder;
  readonly domain: Domain;
  readonly opened: OpenedVersion;
}

async function askFor(
  { order: { from, to, message, version }, domain, opened }: Asked,
  ports: DeskPorts,
): Promise<Simulated | Refused> {
  const { document, policy } = opened;
  const text = JSON.stringify(extractFor(domain, document, policy));
  if (text.length > MAX_DRAFT_CHARS) {
    return refused('What that version says of this recipient is too long to simulate.');
  }
  const asked = {
    from: from.trim(),
    to: to.trim(),
    ...(message === null ? {} : { message: message.toString('base64') }),
    ...(version === null ? {} : { policy: text }),
  };
  const { advise } = ports.sockets;
  const answer = await advise.call('simulate', asked, { deadlineMs: LOOK_MS });
  return {
    kind: 'simulated',
    answer,
    version: answer.policyVersion ?? opened.version.version,
    transport: transportOf(domain, opened, ports),
  };
}

/** As egress finds it. */
function transportOf(
  domain: Domain,
  { policy }: OpenedVersion,
  { options: { wayOut, domains } }: DeskPorts,
): Transport {
  const { rule, tls } = tlsPolicyFor(policy, domain);
  const { routes } = wayOut;
  const route =
    routes.find((one) => one.domain === domain) ?? routes.find((one) => one.domain === '*') ?? null;
  const decides = tlsDecider(tls.level, { route, isOwn: domains.includes(domain) });
  return { rule, level: tls.level, route: route?.domain ?? null, decides };
}
