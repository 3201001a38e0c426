import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCOUNT_CHANGES, type AccountEvent } from './account-event.ts';
import { addAccount, makeLink, setDisabled, setRoles } from './administer.ts';
import {
  accountOfLink,
  addPasskey,
  endSessions,
  notePasskeyUse,
  removePasskey,
  renamePasskey,
  renewRecoveryCodes,
  setPassword,
  useLink,
  useRecoveryCode,
} from './credentials.ts';
import { type Accounts, NO_ACCOUNTS, type Passkey } from './document.ts';
import { admitOidcPerson } from './oidc-account.ts';
import { findAccount, type Plan } from './plan.ts';
import { PERMISSIONS, permissionsOf, ROLES, type Role } from './roles.ts';
import { accountOfToken, createToken, noteTokenUse, revokeToken } from './tokens.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const HOUR = 3_600_000;
const later = (hours: number): Date => new Date(NOW.getTime() + hours * HOUR);

/** Plans follow each other here as the store would carry them out. */
function ledger() {
  let accounts: Accounts = NO_ACCOUNTS;
  const events: AccountEvent[] = [];
  const carryOut = <R>(plan: (accounts: Accounts) => Plan<R>): R | string => {
    const planned = plan(accounts);
    if (planned.kind === 'refused') return planned.sentence;
    accounts = planned.accounts;
    events.push(...planned.events);
    return planned.result;
  };
  const add = (name: string, ...roles: Role[]) => {
    const made = carryOut((all) => addAccount(all, { name, roles, now: NOW }));
    assert.ok(typeof made !== 'string', String(made));
    return made;
  };
  const account = (name: string) => {
    const found = findAccount(accounts, { name });
    assert.ok(found !== null);
    return found;
  };
  return { carryOut, add, account, events, accounts: () => accounts };
}

const passkey = (id: string, counter = 0): Passkey => ({
  id,
  publicKey: 'AAAA',
  counter,
  transports: ['internal'],
  name: 'Laptop',
  createdAt: NOW.toISOString(),
  lastUsedAt: null,
});

test('an auditor changes nothing and sees no content; every permission has somebody', () => {
  const own = [...permissionsOf(['auditor'])];
  for (const one of own) assert.match(one, /\.read$|^audit\.export$/);
  assert.ok(!own.includes('hold.read'));
  const all = permissionsOf(ROLES);
  assert.deepEqual(
    PERMISSIONS.filter((one) => !all.has(one)),
    [],
  );
  assert.equal(permissionsOf([]).size, 0);
});

test('one person alone cannot propose and approve, unless they were given both roles', () => {
  for (const role of ROLES) {
    const own = permissionsOf([role]);
    assert.ok(!(own.has('policy.propose') && own.has('policy.approve')), role);
  }
});

test('names that could be taken for another are refused', () => {
  const { carryOut, add } = ledger();
  add('ann', 'auditor');
  for (const name of [
    '',
    'Ann',
    'ann',
    'аnn',
    'a nn',
    '-ann',
    'ann-',
    'a..b',
    'x'.repeat(65),
    '1a',
  ]) {
    const roles: Role[] = ['auditor'];
    assert.equal(
      typeof carryOut((all) => addAccount(all, { name, roles, now: NOW })),
      'string',
      name,
    );
  }
  assert.equal(
    typeof carryOut((all) => addAccount(all, { name: 'bob', roles: [], now: NOW })),
    'string',
  );
});

test('a link works once, for a day, for its account alone, and not for a disabled one', () => {
  const { carryOut, add, account, accounts } = ledger();
  const { linkSecret } = add('ann', 'security-admin');
  add('bob', 'auditor');
  const use = (secret: string, now = NOW) =>
    carryOut((all) => useLink(all, { secret, passwordHash: 'h', now }));
  assert.equal(typeof use('wrong'), 'string');
  assert.equal(typeof use(linkSecret, later(24)), 'string');
  assert.equal(accountOfLink(accounts(), linkSecret, later(23))?.name, 'ann');
  assert.ok(!JSON.stringify(accounts()).includes(linkSecret), 'only its hash is kept');
  assert.equal(typeof use(linkSecret), 'object');
  assert.equal(account('ann').passwordHash, 'h');
  assert.equal(account('bob').passwordHash, null);
  assert.equal(typeof use(linkSecret), 'string', 'once');
  const again = carryOut((all) => makeLink(all, { name: 'bob' }, NOW));
  assert.ok(typeof again === 'object');
  carryOut((all) => setDisabled(all, { name: 'bob' }, 'disable'));
  assert.equal(typeof use(again.linkSecret), 'string', 'disabled');
  assert.equal(typeof carryOut((all) => makeLink(all, { name: 'bob' }, NOW)), 'string');
});

test('a link takes away the passkeys and recovery codes of before', () => {
  const { carryOut, add, account } = ledger();
  const first = add('ann', 'auditor');
  carryOut((all) => useLink(all, { secret: first.linkSecret, passwordHash: 'h', now: NOW }));
  carryOut((all) => addPasskey(all, { name: 'ann' }, passkey('one')));
  carryOut((all) => renewRecoveryCodes(all, { name: 'ann' }));
  const again = carryOut((all) => makeLink(all, { name: 'ann' }, NOW));
  assert.ok(typeof again === 'object');
  assert.equal(account('ann').passkeys.length, 1, 'not before it is used');
  carryOut((all) => useLink(all, { secret: again.linkSecret, passwordHash: 'i', now: NOW }));
  assert.equal(account('ann').passkeys.length, 0);
  assert.equal(account('ann').recoveryCodeHashes.length, 0);
});

test('the last security admin cannot be taken away, by roles or by disabling', () => {
  const { carryOut, add, account } = ledger();
  add('ann', 'security-admin');
  const demote = () => carryOut((all) => setRoles(all, { name: 'ann' }, ['auditor']));
  const disable = () => carryOut((all) => setDisabled(all, { name: 'ann' }, 'disable'));
  assert.equal(typeof demote(), 'string');
  assert.equal(typeof disable(), 'string');
  add('bob', 'security-admin');
  carryOut((all) => setDisabled(all, { name: 'bob' }, 'disable'));
  assert.equal(typeof demote(), 'string', 'a disabled one does not count');
  carryOut((all) => setDisabled(all, { name: 'bob' }, 'enable'));
  assert.equal(typeof disable(), 'object');
  assert.equal(account('ann').disabled, true);
  assert.equal(typeof disable(), 'string', 'already');
});

test('whatever takes a way of signing in away ends the sessions it may have opened', () => {
  const { carryOut, add, account } = ledger();
  add('bob', 'security-admin');
  const { linkSecret } = add('ann', 'auditor');
  const epochs = [account('ann').epoch];
  const step = <R>(plan: (accounts: Accounts) => Plan<R>): void => {
    assert.equal(typeof carryOut(plan), 'object');
    epochs.push(account('ann').epoch);
  };
  const ann = { name: 'ann' };
  step((all) => useLink(all, { secret: linkSecret, passwordHash: 'h', now: NOW }));
  step((all) => addPasskey(all, ann, passkey('one')));
  step((all) => removePasskey(all, ann, 'one'));
  step((all) => setPassword(all, ann, 'i'));
  step((all) => endSessions(all, ann));
  step((all) => setDisabled(all, ann, 'disable'));
  assert.deepEqual(epochs, [0, 1, 1, 2, 3, 4, 5]);
});

test('a passkey is one account’s, and a copy of it is noticed by its counter', () => {
  const { carryOut, add, account } = ledger();
  add('ann', 'auditor');
  add('bob', 'auditor');
  const ann = { name: 'ann' };
  carryOut((all) => addPasskey(all, ann, passkey('one', 5)));
  assert.equal(
    typeof carryOut((all) => addPasskey(all, { name: 'bob' }, passkey('one'))),
    'string',
  );
  const use = (counter: number) =>
    carryOut((all) => notePasskeyUse(all, ann, { id: 'one', counter, now: NOW }));
  assert.equal(typeof use(5), 'string');
  assert.equal(typeof use(0), 'string');
  assert.equal(typeof use(6), 'object');
  assert.equal(account('ann').passkeys[0]?.counter, 6);
  carryOut((all) => addPasskey(all, ann, passkey('two')));
  const silent = carryOut((all) => notePasskeyUse(all, ann, { id: 'two', counter: 0, now: NOW }));
  assert.equal(typeof silent, 'object', 'many authenticators count nothing');
  assert.equal(typeof carryOut((all) => removePasskey(all, ann, 'none')), 'string');
  carryOut((all) => removePasskey(all, ann, 'one'));
  assert.equal(
    typeof carryOut((all) => removePasskey(all, ann, 'two')),
    'string',
    'the only way in',
  );
  assert.equal(
    typeof carryOut((all) => renamePasskey(all, ann, { id: 'two', name: '\u202eevil' })),
    'string',
  );
  carryOut((all) => renamePasskey(all, ann, { id: 'two', name: ' Phone ' }));
  assert.equal(account('ann').passkeys[0]?.name, 'Phone');
  for (let i = 0; i < 9; i += 1) carryOut((all) => addPasskey(all, ann, passkey(`more${i}`)));
  assert.equal(typeof carryOut((all) => addPasskey(all, ann, passkey('eleven'))), 'string');
});

test('ten recovery codes, each used once, however it is typed; new ones end the old', () => {
  const { carryOut, add, account, accounts } = ledger();
  add('ann', 'auditor');
  const ann = { name: 'ann' };
  const codes = carryOut((all) => renewRecoveryCodes(all, ann));
  assert.ok(typeof codes !== 'string');
  assert.equal(new Set(codes).size, 10);
  const [first = '', second = ''] = codes;
  assert.match(first, /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
  assert.ok(!JSON.stringify(accounts()).includes(first));
  const use = (code: string) => carryOut((all) => useRecoveryCode(all, ann, code));
  assert.equal(typeof use(''), 'string');
  assert.equal(typeof use('aaaa-aaaa-aaaa-aaaa'), 'string');
  assert.equal(typeof use(` ${first.toUpperCase().replaceAll('-', ' ')} `), 'object');
  assert.equal(typeof use(first), 'string', 'used');
  assert.equal(account('ann').recoveryCodeHashes.length, 9);
  carryOut((all) => renewRecoveryCodes(all, ann));
  assert.equal(typeof use(second), 'string');
});

test('a token may do what it and its account both allow, until it ends or is revoked', () => {
  const { carryOut, add, accounts } = ledger();
  add('boss', 'security-admin');
  const { account } = add('ann', 'mail-admin');
  const ann = { name: 'ann' };
  const create = (order: { scopes?: readonly string[]; days?: number; name?: string }) => {
    const scopes = (order.scopes ?? ['queue.read']) as 'queue.read'[];
    const { days = 30, name = 'script' } = order;
    return carryOut((all) => createToken(all, ann, { name, scopes, days, now: NOW }));
  };
  for (const wrong of [
    { scopes: [] },
    { scopes: ['key.change'] },
    { days: 0 },
    { days: 367 },
    { days: 1.5 },
    { name: '' },
    { name: 'a\nb' },
  ]) {
    assert.equal(typeof create(wrong), 'string', JSON.stringify(wrong));
  }
  const made = create({ scopes: ['queue.read', 'queue.change'] });
  assert.ok(typeof made === 'object');
  assert.match(made.secret, /^spt_[A-Za-z0-9_-]{43}$/);
  assert.ok(!JSON.stringify(accounts()).includes(made.secret));
  const who = (secret: string, now = NOW) => accountOfToken(accounts(), secret, now);
  assert.equal(who(`${made.secret}x`), null);
  assert.equal(who('spt_'), null);
  assert.equal(who(made.secret, later(24 * 30)), null, 'ended');
  assert.deepEqual([...(who(made.secret)?.permissions ?? [])], ['queue.read', 'queue.change']);
  carryOut((all) => setRoles(all, ann, ['auditor']));
  assert.deepEqual(
    [...(who(made.secret)?.permissions ?? [])],
    ['queue.read'],
    'the account shrank',
  );
  carryOut((all) => noteTokenUse(all, made.token.id, NOW));
  assert.equal(who(made.secret)?.token.lastUsedOn, '2026-03-01');
  carryOut((all) => setDisabled(all, ann, 'disable'));
  assert.equal(who(made.secret), null, 'disabled');
  carryOut((all) => setDisabled(all, ann, 'enable'));
  const { id } = made.token;
  assert.equal(typeof carryOut((all) => revokeToken(all, id, { id: 'f'.repeat(20) })), 'string');
  assert.equal(typeof carryOut((all) => revokeToken(all, id, account)), 'object');
  assert.equal(who(made.secret), null);
});

test('at the OpenID provider issuer and subject say who it is, and nothing else', () => {
  const { carryOut, add, account, accounts } = ledger();
  add('ann', 'security-admin');
  const admit = (subject: string, preferredName: string, ...roles: Role[]) => {
    const person = { issuer: 'https://id.example', subject, preferredName, roles, now: NOW };
    return carryOut((all) => admitOidcPerson(all, person));
  };
  assert.equal(typeof admit('s1', 'eve'), 'string', 'no role');
  const eve = admit('s1', 'ann', 'auditor');
  assert.ok(typeof eve === 'object');
  assert.notEqual(eve.name, 'ann', 'the name of somebody else is not given out');
  assert.equal(account('ann').oidc, null);
  const again = admit('s1', 'whatever', 'auditor');
  assert.ok(typeof again === 'object' && again.id === eve.id && again.name === eve.name);
  const other = admit('s2', 'ann@acme.example', 'approver', 'auditor');
  assert.ok(typeof other === 'object' && other.id !== eve.id);
  const odd = admit('s3', '<b>Zoë</b>', 'auditor');
  assert.ok(typeof odd === 'object' && /^person-[0-9a-f]{12}$/.test(odd.name));
  admit('s1', 'ann', 'approver');
  assert.deepEqual(findAccount(accounts(), { id: eve.id })?.roles, ['approver']);
  assert.equal(
    typeof carryOut((all) => setRoles(all, { id: eve.id }, ['security-admin'])),
    'string',
  );
  carryOut((all) => setDisabled(all, { id: eve.id }, 'disable'));
  assert.equal(typeof admit('s1', 'ann', 'auditor'), 'string', 'disabled stays disabled');
});

test('every change is an event that names the account and no secret', () => {
  const { carryOut, add, events } = ledger();
  const { linkSecret } = add('ann', 'auditor');
  const secret = carryOut((all) =>
    createToken(all, { name: 'ann' }, { name: 't', scopes: ['now.read'], days: 1, now: NOW }),
  );
  assert.ok(typeof secret === 'object');
  const text = JSON.stringify(events);
  assert.ok(!text.includes(linkSecret) && !text.includes(secret.secret));
  const [created, linked, token] = events;
  assert.ok(created?.kind === 'account-changed' && created.change === 'created');
  assert.deepEqual(created.roles, ['auditor']);
  assert.ok(linked?.kind === 'account-changed' && ACCOUNT_CHANGES.includes(linked.change));
  assert.ok(token?.kind === 'token-changed' && token.personal.account === 'ann');
});
