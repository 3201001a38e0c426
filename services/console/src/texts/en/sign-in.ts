/** Texts of signing in, and of a person's own account. */
export const signIn = {
  title: 'Sign in',
  toGoOn:
    'Sign in to go on to the page that you asked for. A session ends after half an hour without use.',
  name: 'Account name',
  password: 'Password',
  submit: 'Sign in',
  withPasskey: 'Sign in with a passkey',
  withProvider: 'Sign in with your organisation',
  or: 'or',
  passkeyFault: 'The passkey was not taken. Try again, or use another way.',
  wrong: 'The name or the password is wrong.',
  wait: (seconds: number) =>
    `There were too many tries. Wait ${seconds === 1 ? 'a second' : `${seconds} seconds`} and try again, or use a passkey.`,
  crossSite: {
    title: 'Not from here',
    sentence: 'This request does not come from a page of this console, so nothing was done.',
  },
  late: {
    title: 'Too late',
    sentence: 'This step was begun too long ago or was used already. Sign in once more.',
    again: 'Sign in',
  },
  second: {
    title: 'One more step',
    sentence: (name: string) =>
      `The password of ${name} is right. The account has a passkey: use it, or a recovery code.`,
    passkey: 'Use a passkey',
    code: 'Recovery code',
    codeHint: 'One of the ten that you wrote down. Each works once.',
    submit: 'Use the code',
    wrong: 'This is no recovery code of the account, or it was used already.',
  },
  again: {
    title: 'Is it still you?',
    sentence: 'What you are about to do needs you to show once more who you are.',
    password: 'Password',
    submit: 'Go on',
    passkey: 'Use a passkey',
    provider: 'Go on at your organisation',
  },
  link: {
    title: 'Set up your account',
    sentence: (name: string) =>
      `This link is for the account ${name} and works once. Choose a password; afterwards add a passkey and write down your recovery codes.`,
    password: 'New password',
    hint: 'At least 12 characters. Several words are easier to keep in mind than signs.',
    again: 'The same once more',
    submit: 'Set the password',
    differ: 'The two are not the same.',
    dead: {
      title: 'This link does not work',
      sentence:
        'It was used already, is older than a day, or is not whole. Ask a security admin for a new one (sallyport account link NAME).',
    },
  },
  provider: {
    title: 'The provider did not let you in',
    refused: 'The provider refused, or its answer cannot be believed. Nothing was changed.',
    noRole:
      'You signed in at the provider, but none of your groups there has a role here. Ask a security admin to add one.',
    disabled: 'Your account here is disabled. Ask a security admin.',
    away: 'The provider does not answer. Try again in a moment.',
    again: 'Back to sign-in',
    done: 'Signed in',
    goOn: 'Go on',
  },
} as const;
