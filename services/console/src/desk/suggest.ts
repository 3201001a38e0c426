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
    ['outbound.profile', signs || statement !== null ? 'domsec' : 'compat'],
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
    ['agreement.contact', statement?.contact ?? ''],
    ...wayOf(survey, probe),
  ];
  return new Map(values);
}

/** The strictest level that held for every host that was looked at. */
function wayOf({ mail }: Surveyed, probe: Probed | null): (readonly [RecordField, string])[] {
  const holds = (level: string): boolean =>
    probe?.levels.some((one) => one.level === level && one.holds === 'yes') === true;
  if (holds('dane-only')) return [['tls.level', 'dane-only']];
  if (holds('secure')) {
    const names = mail.hosts.slice(0, MAX_NAMES).map(({ name }) => name);
    return [
      ['tls.level', 'secure'],
      ['tls.match', names.join('\n')],
    ];
  }
  return [['tls.level', holds('encrypt') ? 'encrypt' : 'may']];
}
