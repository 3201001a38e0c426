import { account } from './en/account.ts';
import { accounts } from './en/accounts.ts';
import { audit, auditorGuide } from './en/audit.ts';
import { dns } from './en/dns.ts';
import { hold } from './en/hold.ts';
import { keys } from './en/keys.ts';
import { messages } from './en/messages.ts';
import { notices } from './en/notices.ts';
import { now } from './en/now.ts';
import { partners } from './en/partners.ts';
import { parts } from './en/parts.ts';
import { policy } from './en/policy.ts';
import { queue } from './en/queue.ts';
import { reports } from './en/reports.ts';
import { shell } from './en/shell.ts';
import { signIn } from './en/sign-in.ts';
import { simulate } from './en/simulate.ts';

/** Every word that the console shows, by area. A translation is a second object of this type. */
export const en = {
  notices,
  parts,
  shell,
  now,
  messages,
  hold,
  queue,
  audit,
  auditorGuide,
  account,
  accounts,
  signIn,
  dns,
  keys,
  reports,
  partners,
  policy,
  simulate,
} as const;
export type Catalogue = typeof en;
