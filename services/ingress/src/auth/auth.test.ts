import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatPasswordHash, hashPassword, type PasswordHash } from '@sallyport/password';
import { mailbox } from '@sallyport/test/addresses';
import { silentLogger } from '../testing.ts';
import { type LoginLimits, PasswordAuthenticator } from './authenticator.ts';
import { type Login, mayUse, parsePasswordFile } from './password-file.ts';
import { PasswordStore } from './password-store.ts';

const CHEAP = { memoryKib: 1_024, passes: 1, parallelism: 1 };
let hash: PasswordHash;
let folder: string;
before(async () => {
  hash = await hashPassword('secret', CHEAP);
  folder = mkdtempSync(join(tmpdir(), 'sallyport-auth-'));
});
after(() => rmSync(folder, { recursive: true }));

test('a password file with a bad line is refused with its number', () => {
  const line = `ann:${formatPasswordHash(hash)}`;
  const bad: [string, number, string][] = [
    [`# head\n\n${line}\n${line}`, 4, 'login stands twice'],
    ['ann:secret', 1, 'no argon2id hash'],
    ['ann', 1, 'no argon2id hash'],
    [`:${formatPasswordHash(hash)}`, 1, 'login is empty or too long'],
    [`${line}:a:b`, 1, 'too many fields'],
    [
      'ann:$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c',
      1,
      'no argon2id hash',
    ],
  ];
  for (const [text, number, reason] of bad) {
    assert.deepEqual(parsePasswordFile(text), { kind: 'malformed', line: number, reason });
  }
});

test('a login bound to addresses may use those and no others', () => {
  const parsed = parsePasswordFile(
    `ann:${formatPasswordHash(hash)}:a@acme.example,sub.acme.example\n`,
  );
  assert.ok(parsed.kind === 'logins');
  const login = parsed.logins.get('ann');
  assert.ok(login !== undefined);
  assert.equal(mayUse(login, mailbox('A@acme.example')), true);
  assert.equal(mayUse(login, mailbox('x@sub.acme.example')), true);
  assert.equal(mayUse(login, mailbox('b@acme.example')), false);
  assert.equal(mayUse({ ...login, mayUse: null }, mailbox('b@acme.example')), true);
});

test('a password file open to others is refused; a changed one is read again; a bad one is not', async () => {
  const path = join(folder, 'passwords');
  const write = (text: string, seconds: number) => {
    writeFileSync(path, text, { mode: 0o600 });
    utimesSync(path, seconds, seconds);
  };
  write(`ann:${formatPasswordHash(hash)}\n`, 1_000);
  chmodSync(path, 0o644);
  assert.throws(() => new PasswordStore(path, silentLogger()), /passwords: mode 0644/);
  chmodSync(path, 0o600);
  const lines: string[] = [];
  const store = new PasswordStore(path, silentLogger(lines));
  assert.deepEqual([...(await store.refreshed()).keys()], ['ann']);
  write(`bob:${formatPasswordHash(hash)}\n`, 2_000);
  assert.deepEqual([...(await store.refreshed()).keys()], ['bob']);
  write('broken\n', 3_000);
  assert.deepEqual([...(await store.refreshed()).keys()], ['bob']);
  assert.match(lines.join(''), /logins\.not-reloaded/);
});

const LIMITS: LoginLimits = {
  hashesAtOnce: 2,
  maxWaiting: 8,
  failuresPerAddress: 3,
  failuresPerLogin: 3,
  windowMs: 1_000,
};

function authenticator(limits: Partial<LoginLimits> = {}) {
  const clock = { now: 0 };
  const outcomes: string[] = [];
  const ann: Login = { login: 'ann', hash, mayUse: null };
  const checker = new PasswordAuthenticator({
    logins: () => Promise.resolve(new Map([['ann', ann]])),
    limits: { ...LIMITS, ...limits },
    monotonicMs: () => clock.now,
    onOutcome: (outcome, { login }) => outcomes.push(`${outcome} ${login}`),
  });
  const ask = async (login: string, password: string, address = '10.0.0.1') => {
    const outcome = await checker.authenticate({ login, password, address });
    return outcome.kind === 'ok' ? outcome.login : outcome.fault;
  };
  return { clock, outcomes, ask };
}

test('RFC 4954 6: a wrong password and an unknown login are the same 535', async () => {
  const { outcomes, ask } = authenticator();
  assert.equal(await ask('ann', 'wrong'), 'authentication-failed');
  assert.equal(await ask('nobody', 'secret'), 'authentication-failed');
  assert.equal(await ask('ann', 'secret'), 'ann');
  assert.deepEqual(outcomes, ['refused ann', 'refused nobody', 'ok ann']);
});

test('an unknown login costs about as much as a known one', async () => {
  const dear = await hashPassword('secret', { memoryKib: 16_384, passes: 2, parallelism: 1 });
  const known: Login = { login: 'ann', hash: dear, mayUse: null };
  const checker = new PasswordAuthenticator({
    logins: () => Promise.resolve(new Map([['ann', known]])),
    limits: { ...LIMITS, failuresPerAddress: 1_000, failuresPerLogin: 1_000 },
    monotonicMs: () => 0,
    onOutcome: () => undefined,
  });
  // Processor time, not time on the clock: what else the machine does must not decide.
  const cost = async (login: string) => {
    const before = process.cpuUsage();
    for (let round = 0; round < 4; round += 1) {
      await checker.authenticate({ login, password: 'wrong', address: 'a' });
    }
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  await cost('ann');
  const ratio = (await cost('nobody')) / (await cost('ann'));
  assert.ok(ratio > 0.25 && ratio < 4, `ratio ${ratio}`);
});

test('an address that fails too often is not even asked, until the window is over', async () => {
  const { clock, ask } = authenticator({ failuresPerLogin: 100 });
  for (const login of ['a', 'b', 'c']) assert.equal(await ask(login, 'x'), 'authentication-failed');
  assert.equal(await ask('ann', 'secret'), 'authentication-busy');
  assert.equal(await ask('ann', 'secret', '10.0.0.2'), 'ann');
  clock.now = 1_001;
  assert.equal(await ask('ann', 'secret'), 'ann');
});

test('a login that fails too often from many addresses is locked for the window', async () => {
  const { outcomes, ask } = authenticator();
  for (const address of ['1', '2', '3']) await ask('ann', 'x', address);
  assert.equal(await ask('ann', 'secret', '4'), 'authentication-busy');
  assert.equal(outcomes.at(-1), 'locked ann');
});
