/** Texts of looking after the accounts. */
export const accounts = {
  title: 'Accounts',
  caption: 'Accounts',
  name: 'Name',
  roles: 'Roles',
  state: 'State',
  ways: 'Signs in with',
  created: 'Since',
  states: { active: 'active', invited: 'invited', disabled: 'disabled' },
  signsIn: { none: 'nothing yet', password: 'password', passkey: 'passkey', provider: 'provider' },
  empty: 'There is none.',
  you: 'you',
  add: {
    title: 'Invite somebody',
    name: 'Account name',
    hint: 'Small letters and digits, parted by . _ @ or -. The audit log knows them by it.',
    roles: 'Roles',
    submit: 'Make a link',
  },
  one: {
    title: 'The account',
    setRoles: 'Set the roles',
    disable: 'Disable',
    enable: 'Enable',
    link: 'Make a new link',
    linkHint:
      'For somebody who lost their password or passkey. Using it takes the passkeys and recovery codes of before away.',
    own: 'You cannot change your own roles or disable yourself: somebody else must.',
    provider: 'The OpenID provider says which roles this account has.',
    tokens: 'API tokens',
    back: 'All accounts',
  },
  link: {
    title: 'A link to set the account up',
    sentence: (name: string) =>
      `Give this link to ${name} on a way that nobody else reads. It is shown this once, and works once, until`,
    done: 'Done',
  },
} as const;
