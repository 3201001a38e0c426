import { randomInt } from 'node:crypto';
import {
  AccountStore,
  addAccount,
  type Changed,
  PasswordHasher,
  type Role,
  setPassword,
} from '@sallyport/accounts';
import { connectSocket, recorderProtocol } from '@sallyport/ipc';
import type { GatewayLayout } from '../gateway/layout.ts';

/** One person a role, so that a newcomer can look at the console with different eyes. */
const PEOPLE: readonly { readonly name: string; readonly roles: readonly Role[] }[] = [
  { name: 'admin', roles: ['mail-admin', 'security-admin'] },
  { name: 'approver', roles: ['approver'] },
  { name: 'auditor', roles: ['auditor'] },
];
const WORD_CHARACTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const DEADLINE_MS = 10_000;

/** Who can sign in to a console of the sandbox, and with which password. */
export interface SandboxLogin {
  readonly names: readonly string[];
  readonly password: string;
}

/** Makes the accounts of one running gateway, with one fresh password for all of them. */
export async function createConsoleAccounts(
  { accounts, sockets }: GatewayLayout,
  now: Date,
): Promise<SandboxLogin> {
  const password = makePassword();
  const passwordHash = await new PasswordHasher().hash(password);
  if (passwordHash === null) throw new Error('no password could be hashed');
  const recorder = connectSocket({
    path: sockets.recorder,
    protocol: recorderProtocol,
    deadlineMs: DEADLINE_MS,
  });
  const record = async (event: { readonly kind: string }): Promise<void> => {
    await recorder.call('record', { event, durable: true });
  };
  try {
    const store = new AccountStore(accounts);
    for (const { name, roles } of PEOPLE) {
      const added = await store.change((all) => addAccount(all, { name, roles, now }), record);
      const { id } = done(added).account;
      done(await store.change((all) => setPassword(all, { id }, passwordHash), record));
    }
  } finally {
    recorder.close();
  }
  return { names: PEOPLE.map(({ name }) => name), password };
}

function done<R>(changed: Changed<R>): R {
  if (changed.kind === 'refused') throw new Error(changed.sentence);
  return changed.result;
}

/** Four groups of four: easy to type over, 79 bits. */
function makePassword(): string {
  const group = () =>
    Array.from({ length: 4 }, () => WORD_CHARACTERS[randomInt(WORD_CHARACTERS.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}
