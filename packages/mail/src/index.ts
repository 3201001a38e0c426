/** Pure values of mail: names, paths, envelopes, queue ids and re-readable content. */

export { type Clock, systemClock } from './clock.ts';
export {
  asBuffer,
  bufferContent,
  type Content,
  concatContent,
  loadSmall,
  MAX_COLLECT_BYTES,
  openPieces,
  readContent,
  SMALL_CONTENT_BYTES,
} from './content.ts';
export { type Domain, formatDomain, isSameOrSubdomain, parseDomain } from './domain.ts';
export { Gate } from './gate.ts';
export { parseJson } from './json.ts';
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
export { childQueueId, newQueueId, parseQueueId, type QueueId, queueIdTime } from './queue-id.ts';
export {
  isRanged,
  MemoryContent,
  openRange,
  PIECE_BYTES,
  type RangedContent,
  sliceContent,
  TURN_BYTES,
} from './ranges.ts';
export {
  AUTHORITY_LOCAL_PARTS,
  isReservedLocalPart,
  isTlsReportAddress,
  TLS_REPORT_LOCAL_PART,
} from './reserved.ts';
export { repeat, rest, sleepMs } from './timers.ts';
