import type { FaultId } from '@sallyport/faults';
import { childQueueId, parseMailbox } from '@sallyport/mail';
import { summariseRevocation } from '@sallyport/pki';
import type { OutwardDecision } from '@sallyport/policy';
import { putQueueFile, type QueueFileHeader } from '@sallyport/spool';
import type { Group, Held } from './decide-recipients.ts';
import type { ForwardEntry, Job, OutwardPorts } from './job.ts';
import { type Protector, type Treatment, treatmentLabel } from './protect.ts';
import { reportToAuthor } from './reports.ts';

/** Protects the message for a group and puts it into `outgoing`. */
export async function sendOn(
  job: Job,
  group: Group<Treatment>,
  protector: Protector,
  ports: OutwardPorts,
): Promise<void> {
  const { decision, recipients } = group;
  await recordDecision(job, decision, recipients, ports);
  // The id follows from what it is: after a crash the same work lands in the same file.
  const label = `${treatmentLabel(decision)}|${recipients.map((one) => one.path).join('|')}`;
  const id = childQueueId(job.header.id, label);
  const content = await protector.protect(decision);
  const { policyVersion, ...extra } = { ...job.header.extra, policyVersion: job.active.version };
  const header: QueueFileHeader = {
    ...job.header,
    id,
    createdAt: job.state.releasedAt ?? job.header.createdAt,
    forwardPaths: [...recipients],
    extra: {
      ...extra,
      policyVersion,
      acceptedAs: job.acceptedAs,
      rule: decision.rule,
      treatment: decision.kind,
    },
  };
  await putQueueFile(ports.spool, 'outgoing', { header, content, reader: 'egress' }, () =>
    ports.recorder.record(
      {
        kind: 'protected',
        queueId: job.header.id,
        outputs: [{ id, folder: 'outgoing' }],
        profile: decision.kind === 'pass' ? null : decision.profile,
        signed: decision.kind === 'sign-only' || (decision.kind === 'protect' && decision.sign),
        encryption: decision.kind === 'protect' ? decision.owner : 'none',
        ...(decision.kind === 'protect' ? encryptionFacts(decision) : {}),
        sentence: decision.sentence,
        rule: decision.rule.slice(0, 128),
      },
      false,
    ),
  );
  ports.relay(id, recipients[0]?.path.split('@').at(-1));
}

/**
 * Keeps the hash of a Message-ID: a report about it needs no partner signature. Nobody waits for
 * it: one that a crash forgets only makes a report look like any other mail.
 */
export function rememberSent(messageIds: readonly string[], ports: OutwardPorts): void {
  const [messageId] = messageIds;
  if (messageId === undefined) return;
  ports.sent
    .add(Buffer.from(messageId.trim()), Buffer.alloc(1))
    .catch((cause: unknown) => ports.logger.warn('sent.not-remembered', { cause }));
}

function encryptionFacts(decision: Extract<Treatment, { kind: 'protect' }>) {
  const { content, keyTransport, encryptTo, door, owner, proof } = decision;
  const { mode, status } = summariseRevocation(encryptTo.revocation);
  return {
    contentAlgorithm: content,
    keyTransport,
    certificates: [encryptTo.certificate.fingerprint],
    door,
    owner,
    proof,
    revocation: { mode, status },
  };
}

/** As many as an event holds. */
const MAX_DOMAINS = 100;

function domainsOf(recipients: readonly ForwardEntry[]): string[] {
  const domains = recipients.flatMap(({ path }) => parseMailbox(path)?.domain ?? []);
  return [...new Set(domains)].slice(0, MAX_DOMAINS);
}

async function recordDecision(
  job: Job,
  decision: OutwardDecision,
  recipients: readonly ForwardEntry[],
  ports: OutwardPorts,
): Promise<void> {
  await ports.recorder.record(
    {
      kind: 'decided',
      queueId: job.header.id,
      decision: decision.kind,
      recipients: recipients.length,
      domains: domainsOf(recipients),
      ...('fault' in decision ? { fault: decision.fault } : {}),
      ...(decision.kind === 'protect'
        ? {
            ...encryptionFacts(decision),
            contentSource: decision.contentSource,
            keyTransportSource: decision.keyTransportSource,
          }
        : {}),
      sentence: decision.sentence.slice(0, 2_000),
      rule: decision.rule.slice(0, 128),
      policyVersion: job.active.version,
    },
    false,
  );
}

/** Puts the message for a group into `hold`. */
export async function settleHeld(job: Job, group: Group<Held>, ports: OutwardPorts): Promise<void> {
  const { decision, recipients } = group;
  await recordDecision(job, decision, recipients, ports);
  const label = `hold|${decision.fault}|${recipients.map((one) => one.path).join('|')}`;
  const id = childQueueId(job.header.id, label);
  const hold = {
    fault: decision.fault,
    sentence: decision.sentence,
    rule: decision.rule,
    heldAt: ports.clock.now().toISOString(),
  };
  const header: QueueFileHeader = {
    ...job.header,
    id,
    forwardPaths: [...recipients],
    extra: { ...job.header.extra, acceptedAs: job.acceptedAs, hold },
  };
  await putQueueFile(ports.spool, 'hold', { header, content: job.content, reader: 'worker' }, () =>
    ports.recorder.record(
      {
        kind: 'held',
        queueId: job.header.id,
        heldId: id,
        fault: decision.fault,
        sentence: decision.sentence.slice(0, 2_000),
      },
      true,
    ),
  );
}

/** Returns the message to its author for these recipients. */
export async function settleRefused(
  job: Job,
  recipients: readonly ForwardEntry[],
  decision: { readonly fault: FaultId; readonly sentence: string; readonly rule: string },
  ports: OutwardPorts,
): Promise<void> {
  await ports.recorder.record(
    {
      kind: 'refused',
      queueId: job.header.id,
      fault: decision.fault,
      stage: 'decide',
      recipients: recipients.length,
      domains: domainsOf(recipients),
      sentence: decision.sentence.slice(0, 2_000),
      rule: decision.rule.slice(0, 128),
      policyVersion: job.active.version,
    },
    true,
  );
  const { fault, sentence } = decision;
  await reportToAuthor(
    job.header,
    job.content,
    { action: 'failed', fault, sentence, recipients },
    ports,
  );
}
