import type { Permission, Role } from './roles.ts';

/** What can happen to an account. */
export const ACCOUNT_CHANGES = [
  'created',
  'roles-set',
  'disabled',
  'enabled',
  'link-made',
  'link-used',
  'password-set',
  'passkey-added',
  'passkey-removed',
  'passkey-renamed',
  'recovery-codes-made',
  'recovery-code-used',
  'sessions-ended',
] as const;
export type AccountChange = (typeof ACCOUNT_CHANGES)[number];

/** A change as the audit log takes it; the order's giver is added by whoever records it. */
export type AccountEvent =
  | {
      readonly kind: 'account-changed';
      readonly accountId: string;
      readonly change: AccountChange;
      readonly roles?: Role[];
      readonly personal: { readonly account: string };
    }
  | {
      readonly kind: 'token-changed';
      readonly tokenId: string;
      readonly accountId: string;
      readonly change: 'created' | 'revoked';
      readonly scopes?: Permission[];
      readonly expiresAt?: string;
      readonly personal: { readonly account: string; readonly token: string };
    };
