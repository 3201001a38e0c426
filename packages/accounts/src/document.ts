import { z } from 'zod';
import { PERMISSIONS, ROLES } from './roles.ts';

/** One gateway has a handful of people; the bounds keep the file small enough to be read whole. */
export const MAX_ACCOUNTS = 1_000;
export const MAX_TOKENS = 2_000;
export const MAX_TOKENS_OF_ACCOUNT = 50;
export const MAX_PASSKEYS = 10;
export const RECOVERY_CODES = 10;

const time = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(4_096);
const id = z.string().regex(/^[0-9a-f]{20}$/);

/**
 * The name that somebody signs in with and that the audit log and the policy know them by. Lower
 * case ASCII, so that no two people have names that look the same.
 */
export const accountName = z
  .string()
  .regex(/^[a-z][a-z0-9]*([._@-][a-z0-9]+)*$/)
  .max(64);
export const tokenName = z
  .string()
  .regex(/^[^\p{Cc}\u202a-\u202e\u2066-\u2069]+$/u)
  .max(64);

/** A public key that an authenticator keeps the other half of (WebAuthn). */
const passkey = z.strictObject({
  /** The credential id. */
  id: base64url,
  /** COSE key. */
  publicKey: base64url,
  /** How often the authenticator says it was used; many always say 0. */
  counter: z.int().nonnegative(),
  transports: z.array(z.string().max(32)).max(8),
  name: tokenName,
  createdAt: time,
  lastUsedAt: time.nullable(),
});
export type Passkey = Readonly<z.infer<typeof passkey>>;

/** A link that lets its holder set up an account: once, and not for long. */
const link = z.strictObject({ hash: sha256, expiresAt: time });

const account = z.strictObject({
  id,
  name: accountName,
  roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
  /** PHC string, or null: no password. */
  passwordHash: z.string().max(256).nullable(),
  passkeys: z.array(passkey).max(MAX_PASSKEYS),
  /** SHA-256 of those that were not used yet. */
  recoveryCodeHashes: z.array(sha256).max(RECOVERY_CODES),
  /** Who this is at the OpenID provider: the pair never changes there, unlike a mail address. */
  oidc: z.strictObject({ issuer: z.string().max(512), subject: z.string().max(255) }).nullable(),
  link: link.nullable(),
  disabled: z.boolean(),
  /** Goes up when everything that is signed in must end. */
  epoch: z.int().nonnegative(),
  createdAt: time,
});
export type Account = Readonly<z.infer<typeof account>>;

const token = z.strictObject({
  id,
  accountId: id,
  name: tokenName,
  hash: sha256,
  scopes: z.array(z.enum(PERMISSIONS)).min(1).max(PERMISSIONS.length),
  createdAt: time,
  expiresAt: time,
  /** The day, in UTC: more would make a write of every call. */
  lastUsedOn: z.iso.date().nullable(),
});
export type ApiToken = Readonly<z.infer<typeof token>>;

/** Everything that the accounts file says. */
export const accountsSchema = z
  .strictObject({
    schema: z.literal(1),
    /** Goes up by one with each change. */
    generation: z.int().nonnegative(),
    accounts: z.array(account).max(MAX_ACCOUNTS),
    tokens: z.array(token).max(MAX_TOKENS),
  })
  .refine(({ accounts }) => areUnique(accounts.map(({ name }) => name)), 'a name stands twice')
  .refine(({ accounts }) => areUnique(accounts.map((one) => one.id)), 'an id stands twice');

export interface Accounts {
  readonly schema: 1;
  readonly generation: number;
  readonly accounts: readonly Account[];
  readonly tokens: readonly ApiToken[];
}

export const NO_ACCOUNTS: Accounts = { schema: 1, generation: 0, accounts: [], tokens: [] };

function areUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}
