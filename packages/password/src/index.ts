/** Passwords as argon2id hashes in the PHC string form. */
export {
  formatPasswordHash,
  type HashCost,
  hashPassword,
  matchesPassword,
  type PasswordHash,
  parsePasswordHash,
  RECOMMENDED_COST,
} from './password-hash.ts';
