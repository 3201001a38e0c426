const MIN_CHARS = 12;
const MAX_CHARS = 256;
/** A name this short says nothing where it turns up inside of a password. */
const MIN_NAME_CHARS = 4;

/**
 * What guessers try first among passwords that are long enough; shorter ones never get here. Kept
 * without what people put around them: digits and signs at both ends.
 */
const COMMONEST: ReadonlySet<string> = new Set([
  '123456789012',
  '1234567890123',
  '12345678901234',
  '123456789012345',
  '1234567890123456',
  '12345678910111213',
  '012345678901',
  '098765432109',
  '987654321098',
  '9876543210123',
  '!@#$%^&*()_+',
  'password',
  'passwort',
  'passwordpassword',
  'administrator',
  'admin',
  'adminadmin',
  'changeme',
  'changemenow',
  'pleasechangeme',
  'letmein',
  'letmeinplease',
  'welcome',
  'welcomeback',
  'iloveyou',
  'iloveyouforever',
  'qwerty',
  'qwertyuiop',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiop',
  'asdfghjkl',
  'azertyuiop',
  'zxcvbnm',
  'abcdefgh',
  'abcdefghijkl',
  'abcdefghijklmnopqrstuvwxyz',
  'sunshine',
  'princess',
  'football',
  'baseball',
  'superman',
  'batman',
  'starwars',
  'whatever',
  'trustno',
  'master',
  'monkey',
  'dragon',
  'shadow',
  'michael',
  'jennifer',
  'correcthorsebatterystaple',
  'correct horse battery staple',
  'thisismypassword',
  'mypassword',
  'newpassword',
  'defaultpassword',
  'temporarypassword',
  'secret',
  'topsecret',
  'testtest',
  'sallyport',
  'sallyportadmin',
  'mailgateway',
  'postmaster',
  'q1w2e3r4t5y',
  '1q2w3e4r5t6y',
  '1qaz2wsx3edc',
  'qazwsxedcrfv',
  'p@ssw0rd',
  'passw0rd',
  'p@ssword',
]);

/** Why a password is not taken, in a sentence; null if it is. NIST SP 800-63B section 3.1.1. */
export function checkPassword(password: string, name: string): string | null {
  const chars = [...password].length;
  if (chars < MIN_CHARS)
    return `A password has at least ${MIN_CHARS} characters; this has ${chars}.`;
  if (chars > MAX_CHARS) return `A password has at most ${MAX_CHARS} characters.`;
  const plain = password.normalize('NFKC').toLowerCase();
  if (name.length >= MIN_NAME_CHARS && plain.includes(name.toLowerCase())) {
    return 'The password must not have the account name in it.';
  }
  if (isCommon(plain)) return 'This password is among those that guessers try first.';
  if (isRepeated(plain)) return 'The password is one short piece again and again.';
  return null;
}

function isCommon(password: string): boolean {
  const core = password.replace(/^[\d\s\p{P}\p{S}]+|[\d\s\p{P}\p{S}]+$/gu, '');
  return COMMONEST.has(core) || COMMONEST.has(password);
}

function isRepeated(password: string): boolean {
  return /^(.{1,6})\1+.{0,5}$/u.test(password) && new Set(password).size <= 6;
}
