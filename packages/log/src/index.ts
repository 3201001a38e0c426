/** Structured diagnostics: one JSON object a line on standard error, with redaction. */
export { createLogger, type Fields, type Logger } from './logger.ts';
export { Secret } from './secret.ts';
