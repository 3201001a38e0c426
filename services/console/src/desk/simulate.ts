import {
  type adviseProtocol,
  type CallResult,
  MAX_DRAFT_CHARS,
  MAX_SIMULATED_BYTES,
} from '@sallyport/ipc';
import { parseMailbox } from '@sallyport/mail';
import { extractFor, type PolicyDocument, tlsPolicyFor } from '@sallyport/policy';
import type { DeskPorts } from './desk.ts';
import type { PolicyDesk } from './policy.ts';
import { orRefused, type Refused } from './refused.ts';

const SIMULATE_MS = 60_000;

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
  /** How it would go on, by the recipient's domain. */
  readonly transport: {
    readonly rule: string;
    readonly level: PolicyDocument['default']['tls']['level'];
    /** A route of the config, which then decides instead. */
    readonly route: string | null;
  };
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
    simulate: async ({ from, to, message, version }) => {
      const mailbox = parseMailbox(to.trim());
      if (mailbox === null) return refused('The recipient is not an address.');
      if (message !== null && message.length > MAX_SIMULATED_BYTES) {
        return refused(`A message to simulate has ${MAX_SIMULATED_BYTES} bytes at the most.`);
      }
      const opened = version === null ? await policy.inForce() : await policy.open(version);
      if (opened === null) return refused('There is no such policy version.');
      const text = JSON.stringify(extractFor(mailbox.domain, opened.document, opened.policy));
      if (text.length > MAX_DRAFT_CHARS) {
        return refused('What that version says of this recipient is too long to simulate.');
      }
      return await orRefused(async () => {
        const asked = {
          from: from.trim(),
          to: to.trim(),
          ...(message === null ? {} : { message: message.toString('base64') }),
          ...(version === null ? {} : { policy: text }),
        };
        const answer = await ports.sockets.advise.call('simulate', asked, {
          deadlineMs: SIMULATE_MS,
        });
        const { rule, tls } = tlsPolicyFor(opened.policy, mailbox.domain);
        const { routes } = ports.options.wayOut;
        const route =
          routes.find(({ domain }) => domain === mailbox.domain) ??
          routes.find(({ domain }) => domain === '*');
        const transport = { rule, level: tls.level, route: route?.domain ?? null };
        return { kind: 'simulated', answer, version: opened.version.version, transport } as const;
      });
    },
  };
}
