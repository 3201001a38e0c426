/** A derived index over the audit log: search, messages with their outcomes, charts, proofs. */
export {
  type AuditExport,
  type ExportOptions,
  type ExportRefusal,
  exportEvents,
  MAX_EXPORTED,
} from './export.ts';
export { EXPORT_FILES, EXPORT_README, selectionOf } from './export-files.ts';
export { AUDIT_INDEX_FILE, openAuditIndex, rebuildIndex } from './open.ts';
export {
  type AuditIndex,
  type AuditQuery,
  type CaughtUp,
  type ConsistencyAnswer,
  type CountedStep,
  type CountsQuery,
  type EventPage,
  type Latencies,
  MESSAGE_OUTCOMES,
  type MessageHistory,
  type MessageOutcome,
  type MessagePage,
  type MessageQuery,
  type MessageSummary,
  type ProofAnswer,
  type RecipientCounts,
} from './types.ts';
