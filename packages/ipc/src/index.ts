/** Framed JSON calls over Unix sockets: closed method lists, checked at the border, bounded, with deadlines. */
export { type CallOptions, type ConnectOptions, connectSocket, type IpcClient } from './client.ts';
export { IpcRefused, IpcUnavailable, type UnavailableKind } from './errors.ts';
export { MAX_FRAME_BYTES } from './frames.ts';
export { watchProcess } from './health/process-facts.ts';
export {
  type HealthParts,
  type HealthServer,
  serveHealth,
  shownTlsCertificate,
} from './health/serve-health.ts';
export { keyAlgorithmOf } from './keys/key-algorithm.ts';
export { KeyFileFault, keyFileReason } from './keys/key-file-fault.ts';
export { KeyFiles, type KeyFolder, type OpenedKey, type QuarantinedKey } from './keys/key-files.ts';
export {
  checkKeyStep,
  KEY_TRANSITIONS,
  type KeyLifeFault,
  type KeyStep,
  type KeyStepResult,
  type KeyTransition,
  stepKey,
} from './keys/key-life.ts';
export { readPrivateFile, type SealSource, sealSourceSchema } from './keys/sealing-secret.ts';
export { formatTokenUri, parseTokenUri, type TokenUri, tokenUriSchema } from './keys/token-uri.ts';
export { processClock } from './process-clock.ts';
export {
  type CallContext,
  type CallParams,
  type CallResult,
  defineProtocol,
  type Handlers,
  type Method,
  type MethodName,
  type Protocol,
} from './protocol.ts';
export * from './protocols/advise.ts';
export type { DescribedCertificate, TrustCheck } from './protocols/advise-certificate.ts';
export type { ReceivedTlsReport } from './protocols/advise-reports.ts';
export type { SurveyResult } from './protocols/advise-survey.ts';
export * from './protocols/dkim.ts';
export * from './protocols/egress.ts';
export * from './protocols/health.ts';
export * from './protocols/hint.ts';
export * from './protocols/inward.ts';
export * from './protocols/key-desk.ts';
export * from './protocols/key-record.ts';
export * from './protocols/keyholder.ts';
export * from './protocols/keyholder-console.ts';
export * from './protocols/keyholder-operator.ts';
export * from './protocols/recorder.ts';
export * from './protocols/values.ts';
export {
  type AwayPart,
  type ListedQueue,
  listQueue,
  type OrderAnswer,
  orderQueued,
  QUEUE_PARTS,
  type QueueClients,
  type QueuePart,
  type QueueVerb,
  showQueued,
  takesOrder,
} from './queue/ask-queue.ts';
export { type QueuePageQuery, queuePage } from './queue/queue-page.ts';
export { type ProcessWorld, runProcess } from './run-process.ts';
export { type IpcServer, type ServeOptions, serveSocket } from './server.ts';
