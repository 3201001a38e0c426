import { adviseProtocol, IpcRefused, serveSocket } from '@sallyport/ipc';
import { type Mailbox, parseMailbox } from '@sallyport/mail';
import { summariseRevocation } from '@sallyport/pki';
import { type AppliedPartner, outwardRuleFor } from '@sallyport/policy';
import { PolicyReader } from '@sallyport/policy-store/read';
import { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import type { AdviseOptions } from '../options.ts';
import { type LocatedCertificate, locateForRecipient } from '../outward/certificates.ts';
import { createLookupPorts } from '../shared/lookup-ports.ts';
import type { Runtime, Started } from '../shared/runtime.ts';
import { locateSigner } from './locate-signer.ts';
import { simulate } from './simulate.ts';

/** Role advise: says what would happen and why; touches no mail and no key. */
export async function startAdvise(options: AdviseOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const policy = new PolicyReader(options.policyFolder, clock);
  const lookup = await createLookupPorts(options, clock);
  const capabilities = new KnownCapabilities(options.capabilitiesFolder);
  const own = new Set(options.domains.map((domain) => domain.name));
  const ruleOf = async (address: string): Promise<AppliedPartner> => {
    const { domain, localPart } = mailboxOf(address);
    return outwardRuleFor((await policy.current()).policy, domain, localPart);
  };
  const server = await serveSocket({
    path: options.listen,
    protocol: adviseProtocol,
    logger,
    handlers: {
      locate: async ({ address, role = 'confidentiality' }) => {
        const applied = await ruleOf(address);
        const mailbox = mailboxOf(address);
        const asked = { sender: mailbox, applied, ports: lookup, now: clock.now() };
        return answerOf(
          role === 'signing'
            ? await locateSigner(asked)
            : await locateForRecipient(mailbox, asEncrypting(applied), lookup, clock.now()),
        );
      },
      simulate: async (params) =>
        await simulate(params, { policy, lookup, capabilities, ownDomains: own, clock }),
    },
  });
  return { close: async () => await server.close() };
}

function mailboxOf(address: string): Mailbox {
  const mailbox = parseMailbox(address);
  if (mailbox === null) throw new IpcRefused('mailbox-syntax', 'not an address');
  return mailbox;
}

/** Whoever asks for the certificate wants to know, whether the rule encrypts or not. */
function asEncrypting(applied: AppliedPartner): AppliedPartner {
  if (applied.outbound.encrypt !== 'none') return applied;
  return { ...applied, outbound: { ...applied.outbound, encrypt: 'when-possible' } };
}

function answerOf({ facts, trace }: Pick<LocatedCertificate, 'facts' | 'trace'>) {
  const steps = trace.map((step) => ({ ...step }));
  if (facts.kind !== 'found') return { steps, certificates: [], found: null };
  const { certificate, door, owner = 'domain', proof = 'path' } = facts;
  const revocation = { ...summariseRevocation(certificate.revocation) };
  const found = { door, owner, proof, revocation };
  return { steps, certificates: [certificate.certificate.der.toString('base64')], found };
}
