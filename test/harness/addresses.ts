import assert from 'node:assert/strict';
import { type Domain, type Mailbox, parseDomain, parseMailbox } from '@sallyport/mail';

/** A mailbox that a test means. */
export function mailbox(text: string): Mailbox {
  const value = parseMailbox(text);
  assert.ok(value !== null, text);
  return value;
}

/** A domain that a test means. */
export function domain(text: string): Domain {
  const value = parseDomain(text);
  assert.ok(value !== null, text);
  return value;
}
