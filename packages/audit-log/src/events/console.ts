import { z } from 'zod';
import { common, count, queueId, time, word } from './base.ts';

/** An account by its id; its name stands in `personal.by` or `personal.account`. */
const accountId = word;

/** Who came into the console, and what they changed or looked at there. */
export const consoleEvents = [
  z.strictObject({
    kind: z.literal('console-signed-in'),
    accountId,
    /** password, passkey, recovery-code, one-time-link, oidc. */
    method: word,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('console-sign-in-refused'),
    accountId: accountId.optional(),
    method: word,
    reason: word,
    ...common,
  }),
  z.strictObject({ kind: z.literal('console-signed-out'), accountId, reason: word, ...common }),
  z.strictObject({
    kind: z.literal('account-changed'),
    accountId,
    /** created, roles-set, disabled, enabled, link-made, link-used, password-set, passkey-added, … */
    change: word,
    roles: z.array(word).max(8).optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('token-changed'),
    accountId,
    tokenId: word,
    change: z.enum(['created', 'revoked']),
    scopes: z.array(word).max(64).optional(),
    expiresAt: time.optional(),
    ...common,
  }),
  /** Somebody looked at what is known of a held message; its content is not shown anywhere. */
  z.strictObject({ kind: z.literal('held-message-viewed'), queueId, ...common }),
  z.strictObject({
    kind: z.literal('audit-exported'),
    events: count,
    /** csv or json. */
    format: word,
    withheld: z.boolean(),
    ...common,
  }),
  /** An order of the console that its target does not record itself. */
  z.strictObject({
    kind: z.literal('console-order'),
    order: word,
    queueId: queueId.optional(),
    ...common,
  }),
] as const;
