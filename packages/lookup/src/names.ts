import type { Mailbox } from '@sallyport/mail';
import type { Binding, DoorQuery, LocateRole } from './locate-types.ts';

/** RFC 3183 sections 3.1.1 and 4.1: the names under which a domain's certificates stand. */
const AUTHORITY: Readonly<Record<LocateRole, string>> = {
  confidentiality: 'domain-confidentiality-authority',
  signing: 'domain-signing-authority',
};

/** One name to ask for: a mailbox, or the domain itself when that is null. */
export interface WantedName {
  readonly binding: Binding;
  readonly mailbox: Mailbox | null;
}

/** The mailbox of the domain's RFC 3183 authority for this role. */
function authorityOf({ mailbox, role }: Pick<DoorQuery, 'mailbox' | 'role'>): Mailbox {
  return { localPart: AUTHORITY[role], domain: mailbox.domain };
}

/** Whom to ask for, in the order of `bindings`; no name twice. */
export function wantedNames(query: DoorQuery): WantedName[] {
  const authority = authorityOf(query);
  const isAuthority = authority.localPart === query.mailbox.localPart;
  return query.bindings
    .filter(
      (binding) => binding !== 'authority' || !isAuthority || !query.bindings.includes('address'),
    )
    .map((binding) => ({ binding, mailbox: mailboxFor(binding, query.mailbox, authority) }));
}

function mailboxFor(binding: Binding, mailbox: Mailbox, authority: Mailbox): Mailbox | null {
  switch (binding) {
    case 'address':
      return mailbox;
    case 'authority':
      return authority;
    case 'domain':
      return null;
  }
}
