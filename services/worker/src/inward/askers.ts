import { recipientExists } from '@sallyport/lookup';
import { never } from '@sallyport/mail';
import { createCallForward } from '@sallyport/transport';
import type { OwnDomain } from '../options.ts';
import { listAsker, type RecipientAsker } from './recipients.ts';

type Check = OwnDomain['recipients'];
type With<Kind extends Check['kind']> = OwnDomain & { recipients: Extract<Check, { kind: Kind }> };

function isKind<Kind extends Check['kind']>(domain: OwnDomain, kind: Kind): domain is With<Kind> {
  return domain.recipients.kind === kind;
}

/** How each domain of ours checks its recipients. */
export function createAskers(
  domains: readonly OwnDomain[],
  gatewayName: string,
): ReadonlyMap<string, RecipientAsker> {
  return new Map(domains.map((domain) => [domain.name, askerFor(domain, gatewayName)]));
}

function askerFor(domain: OwnDomain, gatewayName: string): RecipientAsker {
  if (isKind(domain, 'list')) return listAsker(domain);
  if (isKind(domain, 'ldap')) return ldapAsker(domain);
  if (isKind(domain, 'call-forward')) return callForwardAsker(domain, gatewayName);
  if (isKind(domain, 'any')) return { exists: () => Promise.resolve('known') };
  return never(domain as never);
}

function ldapAsker({ recipients }: With<'ldap'>): RecipientAsker {
  return {
    exists: async (mailbox) => {
      const { url, baseDn } = recipients;
      const result = await recipientExists({ url, baseDn, mailbox });
      return { exists: 'known', absent: 'unknown', unavailable: 'unavailable' }[result.kind] as
        | 'known'
        | 'unknown'
        | 'unavailable';
    },
  };
}

function callForwardAsker(domain: With<'call-forward'>, heloName: string): RecipientAsker {
  const { nextHops, tlsRule } = domain.recipients;
  const callForward = createCallForward({ nextHops, heloName, tlsRule });
  return { exists: async (mailbox) => await callForward(mailbox) };
}
