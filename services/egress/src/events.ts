import type { AuditEvent } from '@sallyport/audit-log';
import type { QueueFileHeader } from '@sallyport/spool';
import { formatReply, type TlsResult } from '@sallyport/transport';
import type { DeliveryState } from './delivery-state.ts';
import type { Tried } from './settle.ts';

const MAX_PATHS = 60; // an event holds 64 personal fields
const MAX_TEXT_CHARS = 2_000;
const MAX_TLS_RESULTS = 64;
const MAX_REASON_CHARS = 300;

interface EventsInput {
  readonly header: QueueFileHeader;
  readonly before: DeliveryState;
  readonly after: DeliveryState;
  readonly tried: readonly Tried[];
}

/** One event for each different fate; those who shared it are named together. */
export function eventsOf(input: EventsInput): AuditEvent[] {
  const groups = new Map<string, Tried[]>();
  for (const one of input.tried) {
    const { status, fault, sentence } = input.after.recipients[one.index] ?? {};
    const domain = domainOf(input.header, one.index);
    const key = JSON.stringify([status, fault, sentence, domain, one.result.mx]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  const events: AuditEvent[] = [];
  for (const group of groups.values()) {
    for (let from = 0; from < group.length; from += MAX_PATHS) {
      const event = eventOf(group.slice(from, from + MAX_PATHS), input);
      if (event !== null) events.push(event);
    }
  }
  return events;
}

function eventOf(group: readonly Tried[], input: EventsInput): AuditEvent | null {
  const [first] = group;
  const recipient = first === undefined ? undefined : input.after.recipients[first.index];
  if (first === undefined || recipient === undefined) return null;
  const { result, located } = first;
  const tls =
    result.tls === null
      ? null
      : {
          version: result.tls.version,
          cipher: result.tls.cipher,
          level: located.tlsRule.level,
          result: result.tls.identity,
          ...(result.tls.peerFingerprint === null
            ? {}
            : { peerFingerprint: result.tls.peerFingerprint }),
        };
  const common = {
    queueId: input.header.id,
    destination: domainOf(input.header, first.index),
    ...(result.mx === null ? {} : { mx: result.mx }),
    ...(recipient.reply === null ? {} : { reply: cut(formatReply(recipient.reply)) }),
    recipients: group.length,
    attempts: input.after.attempts,
    tls,
    ...tlsResultsOf(group),
    sentence: cut(recipient.sentence),
    rule: located.rule.slice(0, 128),
    // Zero: no policy was asked, since nothing was tried.
    ...(located.policyVersion === 0 ? {} : { policyVersion: located.policyVersion }),
    personal: personalOf(group, input.header),
  };
  const fault = recipient.fault ?? 'internal';
  switch (recipient.status) {
    case 'relayed':
      return { kind: 'relayed', ...common };
    case 'waiting': {
      const { nextAttemptAt } = input.after;
      return {
        kind: 'deferred',
        ...common,
        fault,
        ...(nextAttemptAt === null ? {} : { nextAttempt: nextAttemptAt }),
      };
    }
    case 'failed':
    case 'expired':
      return { kind: recipient.status, ...common, fault };
    case 'dropped':
      return null;
  }
}

/** Each try is told of once, with the first recipient of its domain. */
function tlsResultsOf(group: readonly Tried[]) {
  const results = group.flatMap(({ result }) => result.tlsResults).slice(0, MAX_TLS_RESULTS);
  return results.length === 0 ? {} : { tlsResults: results.map(recorded) };
}

function recorded({ policy, result, reason, mx, address }: TlsResult) {
  return {
    policyType: policy.type,
    policyDomain: policy.domain,
    policyStrings: [...policy.strings],
    enforced: policy.isEnforced,
    result,
    ...(reason === null ? {} : { reason: reason.slice(0, MAX_REASON_CHARS) }),
    mx,
    ...(address === null ? {} : { address }),
  };
}

function personalOf(group: readonly Tried[], header: QueueFileHeader): Record<string, string> {
  const paths = group.map(({ index }, at): [string, string] => [
    at === 0 ? 'forwardPath' : `forwardPath.${at}`,
    header.forwardPaths[index]?.path ?? '',
  ]);
  return Object.fromEntries<string>([['reversePath', header.reversePath], ...paths]);
}

function domainOf(header: QueueFileHeader, index: number): string {
  const path = header.forwardPaths[index]?.path ?? '';
  return path.slice(path.lastIndexOf('@') + 1).slice(0, 255);
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT_CHARS);
}
