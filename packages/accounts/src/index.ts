/** Who may use the console and its API: accounts, their roles, and their ways to sign in. */

export { ACCOUNT_CHANGES, type AccountEvent } from './account-event.ts';
export { addAccount, type Invitation, makeLink, setDisabled, setRoles } from './administer.ts';
export {
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
export {
  type Account,
  type Accounts,
  type ApiToken,
  MAX_PASSKEYS,
  type Passkey,
  RECOVERY_CODES,
} from './document.ts';
export { AccountsUnavailable } from './folder.ts';
export { admitOidcPerson, type OidcPerson } from './oidc-account.ts';
export { PasswordHasher } from './password-hash.ts';
export { checkPassword } from './password-rules.ts';
export { type AccountRef, findAccount, type Plan, type Refused } from './plan.ts';
export { PERMISSIONS, type Permission, permissionsOf, ROLES, type Role } from './roles.ts';
export { hashSecret, LINK_PATH, linkAddress } from './secrets.ts';
export { AccountStore, type Changed } from './store.ts';
export {
  accountOfToken,
  createToken,
  MAX_TOKEN_DAYS,
  type NewApiToken,
  noteTokenUse,
  revokeToken,
} from './tokens.ts';
