/** Texts around every page. */
export const shell = {
  product: 'Sallyport',
  skip: 'Skip to the content',
  navigation: 'Main navigation',
  menu: 'Menu',
  account: 'Account',
  signOut: 'Sign out',
  theme: 'Appearance',
  themes: { auto: 'Auto', light: 'Light', dark: 'Dark' },
  groups: { mail: 'Mail', rules: 'Rules', gateway: 'This gateway', oversight: 'Oversight' },
  pages: {
    now: 'Now',
    partners: 'Partners',
    policy: 'Policy',
    simulate: 'Simulate',
    messages: 'Messages',
    hold: 'Hold',
    queue: 'Queue',
    keys: 'Keys',
    dns: 'DNS',
    reports: 'Reports',
    audit: 'Audit',
    accounts: 'Accounts',
  },
  indexBehind:
    'The audit log is still being read: for some minutes pages may show less than there is. Mail is not affected.',
  notFound: {
    title: 'Not found',
    sentence:
      'There is nothing at this address. It may have been removed, or the link is not whole.',
  },
  forbidden: {
    title: 'Not for your role',
    sentence: 'Your role does not include this. Ask a security admin if you need it.',
  },
  forged: {
    title: 'This form is too old',
    sentence:
      'The form was opened before you last signed in. Go back, reload the page and try again.',
  },
  fault: {
    title: 'Something went wrong here',
    sentence:
      'The console could not do this. Nothing more is known on this page; the log of the console has it under this number:',
  },
  unavailable: {
    title: 'A part of the gateway does not answer',
    sentence: 'Try again in a moment. If it stays so, the page Now says which process is away.',
  },
  badInput: {
    title: 'This cannot be used',
    sentence: 'The request is too large, or cannot be read.',
  },
} as const;
