import { z } from 'zod';
import { common, count, domain, keyId, queueId, sha256Hex, time, word } from './base.ts';

const keyFacts = {
  keyId,
  class: word,
  domain,
  algorithm: word.optional(),
  /** SHA-256 of its certificate. */
  fingerprint: sha256Hex.optional(),
  /** The state before; absent if there was no key. */
  from: word.optional(),
  /** The state after. */
  state: word.optional(),
};

/**
 * What the keyholder does. sign, sign-dkim and unwrap serve a message; `queueId` is its queue id. A request
 * for a certificate and a statement of the domain serve the operator; `queueId` is then an id of that order
 * alone.
 */
const KEYHOLDER_OPERATIONS = [
  'sign',
  'sign-dkim',
  'unwrap',
  'sign-request',
  'sign-statement',
] as const;
export type KeyholderOperation = (typeof KEYHOLDER_OPERATIONS)[number];
/**
 * What the command line does with the key of the own CA, which no process holds: it opens it with its
 * passphrase for one order, and `queueId` is an id of that order alone.
 */
const CA_OPERATIONS = ['sign-crl', 'sign-certificate'] as const;
export type CaOperation = (typeof CA_OPERATIONS)[number];
export const KEY_OPERATIONS = [...KEYHOLDER_OPERATIONS, ...CA_OPERATIONS] as const;
export type KeyOperation = (typeof KEY_OPERATIONS)[number];
const operation = z.enum(KEY_OPERATIONS);

/** The life of a key, and each use of it: intent first, outcome before the answer. */
export const keyEvents = [
  z.strictObject({
    kind: z.literal('key-intent'),
    queueId,
    keyId,
    operation,
    digestAlgorithm: word.optional(),
    /** Base64: the message digest that is to be signed. */
    digest: z.string().max(128).optional(),
    signatureTypes: z.array(word).max(8).optional(),
    attributes: z.array(word).max(8).optional(),
    /** SHA-256 of the bytes that were composed to be signed: DKIM, a request, a statement, a CRL or a certificate. */
    contentDigest: sha256Hex.optional(),
    /** SHA-256 over all fields of the recipientInfo. */
    recipientDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({
    kind: z.literal('key-outcome'),
    queueId,
    keyId,
    operation,
    /** Index of the intent that this closes. */
    intent: count,
    /** For unwrap `done` says that a key was given out, not that it was the right one. */
    outcome: z.enum(['done', 'failed', 'unknown']),
    signedAttributesDigest: sha256Hex.optional(),
    signatureDigest: sha256Hex.optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('key-generated'), ...keyFacts, ...common }),
  z.strictObject({ kind: z.literal('key-activated'), ...keyFacts, ...common }),
  z.strictObject({ kind: z.literal('key-imported'), ...keyFacts, ...common }),
  z.strictObject({ kind: z.literal('key-certified'), ...keyFacts, ...common }),
  z.strictObject({
    kind: z.literal('key-scheduled'),
    ...keyFacts,
    activateAt: time.nullable(),
    ...common,
  }),
  z.strictObject({ kind: z.literal('key-retired'), ...keyFacts, ...common }),
  z.strictObject({ kind: z.literal('key-reopened'), ...keyFacts, ...common }),
  z.strictObject({ kind: z.literal('key-destroyed'), ...keyFacts, ...common }),
  z.strictObject({
    kind: z.literal('certificate-revoked'),
    /** Of the key that it is the certificate of, if that is one of the key folder. */
    keyId: keyId.optional(),
    fingerprint: sha256Hex.optional(),
    /** Serial number in hex. */
    serial: word,
    reason: word,
    ...common,
  }),
  z.strictObject({
    kind: z.literal('crl-issued'),
    crlNumber: count,
    entries: count,
    nextUpdate: time,
    ...common,
  }),
  /** A key that the keyholder leaves out: a file that is broken, changed or open to others. */
  z.strictObject({ kind: z.literal('key-quarantined'), keyId, ...common }),
] as const;
