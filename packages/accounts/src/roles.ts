/** What a person is to the gateway. Somebody may be several. */
export const ROLES = ['mail-admin', 'security-admin', 'approver', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** What can be asked of the console and its API. A token's scopes are some of these. */
export const PERMISSIONS = [
  'now.read',
  'partner.read',
  'policy.propose',
  'policy.approve',
  'policy.activate',
  'simulate',
  'message.read',
  'queue.read',
  'queue.change',
  'hold.read',
  'hold.release',
  'key.read',
  'key.change',
  'dns.read',
  'report.read',
  'audit.read',
  'audit.export',
  'account.change',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

// An auditor changes nothing and sees no content: no hold, where messages can be looked into.
const GRANTS: Readonly<Record<Role, readonly Permission[]>> = {
  'mail-admin': [
    'now.read',
    'partner.read',
    'simulate',
    'message.read',
    'queue.read',
    'queue.change',
    'hold.read',
    'hold.release',
    'key.read',
    'dns.read',
    'report.read',
  ],
  'security-admin': [
    'now.read',
    'partner.read',
    'policy.propose',
    'policy.activate',
    'simulate',
    'message.read',
    'queue.read',
    'hold.read',
    'hold.release',
    'key.read',
    'key.change',
    'dns.read',
    'report.read',
    'audit.read',
    'account.change',
  ],
  approver: [
    'now.read',
    'partner.read',
    'policy.approve',
    'simulate',
    'message.read',
    'report.read',
    'dns.read',
  ],
  auditor: [
    'now.read',
    'partner.read',
    'message.read',
    'queue.read',
    'key.read',
    'dns.read',
    'report.read',
    'audit.read',
    'audit.export',
  ],
};

/** What somebody with these roles may do: all that one of them allows. */
export function permissionsOf(roles: readonly Role[]): ReadonlySet<Permission> {
  return new Set(roles.flatMap((role) => GRANTS[role]));
}
