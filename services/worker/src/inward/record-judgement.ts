import type { AuditEvent } from '@sallyport/audit-log';
import type { QueueId } from '@sallyport/mail';
import { authenticationFacts } from '../authentication/facts.ts';
import type { KeyChangeLog } from '../shared/key-change-log.ts';
import type { Recorder } from '../shared/ports.ts';
import type { Judgement } from './judge.ts';
import { personalSigner } from './personal-signer.ts';

const MAX_RECORDED_DOMAINS = 100;

/** Records what was found and decided, and what changed of partners' keys. */
export async function recordJudgement(
  queueId: QueueId,
  judgement: Judgement,
  policyVersion: number,
  ports: { readonly recorder: Recorder; readonly keyChangeLog: KeyChangeLog },
): Promise<void> {
  if (judgement.kind === 'malformed') return;
  const { verdict, authentication, decision, senderLookup, keyChanges } = judgement;
  const event: AuditEvent = {
    kind: 'opened',
    queueId,
    verdict: {
      signature: verdict.signature,
      signatureType: verdict.signatureType,
      signer: verdict.signer,
      originator: verdict.originator,
      mapping: verdict.mapping,
      encryption: verdict.encryption,
      scope: verdict.scope,
      reason: verdict.reason.slice(0, 2_000),
      ...(verdict.revocation === undefined
        ? {}
        : { revocation: { mode: verdict.revocation.mode, status: verdict.revocation.status } }),
      ...(senderLookup === null ? {} : { senderLookup }),
    },
    authentication: authenticationFacts(authentication),
    decision: decision.kind,
    ...('fault' in decision ? { fault: decision.fault } : {}),
    domains: judgement.claimed.slice(0, MAX_RECORDED_DOMAINS),
    sentence: decision.sentence.slice(0, 2_000),
    rule: decision.rule.slice(0, 128),
    policyVersion,
    ...personalSigner(verdict.signer),
  };
  await ports.recorder.record(event, false);
  for (const change of keyChanges) {
    const [mailbox] = change.certificate.mailboxes;
    if (mailbox === undefined) continue;
    const { domain } = mailbox;
    await ports.keyChangeLog.record([change], { queueId, domain, rule: decision.rule });
  }
}
