import { adviseProtocol, IpcRefused, serveSocket } from '@sallyport/ipc';
import { never, parseMailbox, parseReversePath } from '@sallyport/mail';
import {
  type AppliedPartner,
  decideOutward,
  type OutwardDecision,
  outwardRuleFor,
} from '@sallyport/policy';
import { PolicyReader } from '@sallyport/policy-store/read';
import { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import type { AdviseOptions } from '../options.ts';
import { type LocatedCertificate, locateForRecipient } from '../outward/certificates.ts';
import { createLookupPorts } from '../shared/lookup-ports.ts';
import type { Runtime, Started } from '../shared/runtime.ts';

/** Role advise: says what would happen and why; touches no mail and no key. */
export async function startAdvise(options: AdviseOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const policy = new PolicyReader(options.policyFolder, clock);
  const lookup = createLookupPorts(options, clock);
  const capabilities = new KnownCapabilities(options.capabilitiesFolder);
  const own = new Set(options.domains.map((domain) => domain.name));
  const locate = async (
    address: string,
  ): Promise<{ located: LocatedCertificate; applied: AppliedPartner }> => {
    const recipient = parseMailbox(address);
    if (recipient === null) throw new IpcRefused('mailbox-syntax', 'not an address');
    const applied = outwardRuleFor((await policy.current()).policy, recipient.domain);
    const now = clock.now();
    const { facts, trace } = await locateForRecipient(recipient, applied, lookup, now);
    const { rule } = applied;
    return {
      located: { facts: await capabilities.addTo(facts, { recipient, rule, now }), trace },
      applied,
    };
  };
  const server = await serveSocket({
    path: options.listen,
    protocol: adviseProtocol,
    logger,
    handlers: {
      locate: async ({ address }) => {
        const { located } = await locate(address);
        const { facts } = located;
        const found =
          facts.kind === 'found' ? [facts.certificate.certificate.der.toString('base64')] : [];
        return { steps: located.trace.map((step) => ({ ...step })), certificates: found };
      },
      simulate: async ({ from, to }) => {
        const author = parseReversePath(from);
        const { located, applied } = await locate(to);
        const authentic = author !== null && !('null' in author) && own.has(author.domain);
        const decision = decideOutward(
          {
            originator: authentic ? 'authenticated' : 'unknown',
            innerSignatures: 'none',
            certificate: located.facts,
            filter: { kind: 'clean', scanned: false },
            waitedMs: 0,
            protectedBytes: 0,
            nextHopLimitBytes: null,
            released: false,
            now: clock.now(),
          },
          applied,
        );
        return {
          steps: located.trace.map((step) => ({ ...step })),
          decision: wordOf(decision),
          rule: decision.rule,
          sentence: decision.sentence,
          algorithms: decision.kind === 'protect' ? algorithmsOf(decision) : null,
        };
      },
    },
  });
  return { close: async () => await server.close() };
}

/** How it would be encrypted, and who chose that. */
function algorithmsOf(decision: Extract<OutwardDecision, { kind: 'protect' }>) {
  const { content, contentSource, keyTransport, keyTransportSource } = decision;
  return { content, contentSource, keyTransport, keyTransportSource };
}

function wordOf(decision: OutwardDecision): string {
  switch (decision.kind) {
    case 'hold':
    case 'refuse':
    case 'wait':
      return `${decision.kind} (${decision.fault})`;
    case 'protect':
    case 'sign-only':
    case 'pass':
      return decision.kind;
    default:
      return never(decision);
  }
}
