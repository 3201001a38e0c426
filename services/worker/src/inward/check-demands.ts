import type { CallParams, CallResult, inwardProtocol } from '@sallyport/ipc';
import { isNullPath, parseReversePath } from '@sallyport/mail';
import { checkTransport, inwardRuleFor, type PolicyDocument } from '@sallyport/policy';
import { meetsDemands, observedTls } from './client-name.ts';

type Protocol = typeof inwardProtocol;

/**
 * What a record demands of the sending gateway, as far as MAIL FROM tells which record applies
 * (TR-6). The null reverse-path tells nothing: it is judged by From (design section 5).
 */
export function checkDemands(
  { client, reversePath }: CallParams<Protocol, 'demands'>,
  policy: PolicyDocument,
  now: Date,
): CallResult<Protocol, 'demands'> {
  const path = parseReversePath(reversePath);
  if (path === null) return { kind: 'refuse', fault: 'mailbox-syntax' };
  if (isNullPath(path)) return { kind: 'ok' };
  const rule = inwardRuleFor(policy, { reversePath: path.domain, claimed: [] });
  const facts = {
    tls: observedTls(client),
    clientNameOk: meetsDemands(client, rule.clientDemands, now),
  } as const;
  const gap = checkTransport(facts, rule);
  if (gap === null) return { kind: 'ok' };
  const sentence = `Refused under ${rule.rule}: ${gap.text}.`;
  return { kind: 'refuse', fault: gap.fault, sentence };
}
