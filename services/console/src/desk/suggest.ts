import type { Probed, Surveyed } from './look.ts';
import type { RecordField } from './partner-record.ts';

/** Certificates that could be used, as far as one can tell without having an anchor. */
const USABLE: ReadonlySet<string> = new Set(['trusted', 'dnssec', 'unproven']);
const MAX_NAMES = 10;

/** What a form for a new partner is filled in with, from what was found. An admin decides. */
export function suggestRecord(
  domain: string,
  survey: Surveyed,
  probe: Probed | null,
): ReadonlyMap<RecordField, string> {
  const { certificates, statement } = survey;
  const has = (role: 'confidentiality' | 'signing'): boolean =>
    certificates.some((one) => one.role === role && USABLE.has(one.worth));
  const canEncrypt = has('confidentiality');
  const signs = has('signing');
  const values: (readonly [RecordField, string])[] = [
    ['name', domain],
    ['domains', domain],
    ['outbound.encrypt', canEncrypt ? 'required' : 'when-possible'],
    ['outbound.sign', 'domain'],
    ['outbound.profile', signs || statement?.isBelieved === true ? 'domsec' : 'compat'],
    ['outbound.to', canEncrypt ? 'domain' : 'user\ndomain'],
    ['outbound.otherwise', 'hold'],
    ['inbound.signature', signs ? 'domain-required' : 'when-present'],
    ['inbound.encryption', signs && canEncrypt ? 'required' : 'when-present'],
    ['inbound.deliver', 'clear'],
    ['inbound.otherwise', signs ? 'refuse' : 'flag'],
    ['inbound.tls.level', 'encrypt'],
    ['tls.minVersion', 'TLSv1.2'],
    ['trust.revocation', 'soft'],
    ['trust.keyChange', 'approve'],
    // Whoever says it without proof may want to be asked in the partner's place.
    ['agreement.contact', statement?.isBelieved === true ? statement.contact : ''],
    ...wayOf(survey, probe),
  ];
  return new Map(values);
}

/**
 * The strictest level that held for every host that was looked at. Without a look nothing is
 * suggested, and clear text only where TLS was seen to be missing: what is inherited is stricter.
 */
function wayOf(
  { domain, mail }: Surveyed,
  probe: Probed | null,
): (readonly [RecordField, string])[] {
  if (probe === null) return [];
  const holds = (level: string, how: 'yes' | 'no'): boolean =>
    probe.levels.some((one) => one.level === level && one.holds === how);
  if (holds('dane-only', 'yes')) return [['tls.level', 'dane-only']];
  if (holds('secure', 'yes')) {
    // Each of them may have been what the certificates bear: the look is by all of these names.
    const names = mail.hosts.slice(0, MAX_NAMES).map(({ name }) => name);
    return [
      ['tls.level', 'secure'],
      ['tls.match', [...new Set([...names, domain, `.${domain}`])].join('\n')],
    ];
  }
  return [['tls.level', holds('encrypt', 'no') ? 'may' : 'encrypt']];
}
