/** Pure values of mail: names, paths, envelopes, queue ids and re-readable content. */

export { type Clock, systemClock } from './clock.ts';
export {
  bufferContent,
  type Content,
  concatContent,
  MAX_COLLECT_BYTES,
  readContent,
} from './content.ts';
export { type Domain, formatDomain, isSameOrSubdomain, parseDomain } from './domain.ts';
export {
  type Envelope,
  type ForwardPath,
  formatMailbox,
  formatReversePath,
  isNullPath,
  type Mailbox,
  NULL_PATH,
  parseMailbox,
  parseReversePath,
  type ReversePath,
  sameMailbox,
} from './mailbox.ts';
export { never } from './never.ts';
export { childQueueId, newQueueId, parseQueueId, type QueueId } from './queue-id.ts';
