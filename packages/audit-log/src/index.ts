/** The audit log: closed events, salted personal fields, Merkle tree, signed heads; verifies offline. */
export {
  type BundleHead,
  type BundleOptions,
  type BundleVerdict,
  bundleKey,
  formatBundleEvent,
  formatBundleHead,
  isBundleHead,
  verifyBundle,
} from './bundle.ts';
export { type Commit, type CommitBase, composeCommit, fitsLine } from './compose.ts';
export { csvEvent, csvHeader } from './csv.ts';
export {
  AUDIT_EVENT_KINDS,
  type AuditEvent,
  type AuditEventKind,
  auditEventSchema,
} from './event.ts';
export {
  type EventProof,
  eventProofSchema,
  parseEventProof,
  proveEvent,
  verifyEventProof,
} from './event-proof.ts';
export { TLS_RESULT_TYPES } from './events/delivery.ts';
export {
  type CaOperation,
  KEY_OPERATIONS,
  type KeyholderOperation,
  type KeyOperation,
} from './events/key.ts';
export {
  type HeadFacts,
  headBytes,
  headHash,
  NO_PREVIOUS,
  type SignedHead,
  signedHeadSchema,
  signHead,
  verifyHead,
} from './head.ts';
export {
  type Leaf,
  type LeafContent,
  type LeafFacts,
  leafOf,
  type PersonalValues,
  parseLeaf,
  personalHash,
} from './leaf.ts';
export {
  formatHeadLine,
  formatLeafLine,
  formatSegmentLine,
  formatSubtreeLine,
  type LeafLine,
  type LogLine,
  MAX_LINE_BYTES,
  parseLogLine,
  type SegmentStart,
  type Subtree,
} from './line.ts';
export {
  consistencyPath,
  consistencyProof,
  type InclusionClaim,
  inclusionPath,
  inclusionProof,
  type RangeRoot,
  type TreeHead,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts';
export {
  type EventFilter,
  eventOf,
  matchesFilter,
  type RecordedEvent,
  readEvent,
  readEvents,
  recentEvents,
} from './read.ts';
export { LOG_KEY_FILE, parseSegmentName, SEGMENT_LEAVES, segmentName } from './segment.ts';
export { type ByteSource, type RawLine, splitLines } from './split-lines.ts';
export { leafHash, MerkleTree, nodeHash, split } from './tree.ts';
export type { DamageCode, DamagedLog, LogVerdict, SegmentSource } from './verdict.ts';
export { type VerifyOptions, verifyLog } from './verify.ts';
export { type Withheld, withhold, withholdEvent } from './withhold.ts';
