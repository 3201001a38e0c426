import type { Permission, Role } from '@sallyport/accounts';

/** Who asks: a person who signed in, or a program with a token of theirs. */
export interface Actor {
  readonly accountId: string;
  /** As the audit log names them. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** With a token: what the account and the token both allow. */
  readonly permissions: ReadonlySet<Permission>;
  readonly via: 'session' | 'token';
}
