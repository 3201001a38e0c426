/** What a process says of itself: diagnostics, one JSON object a line, with redaction; and metrics. */
export { createLogger, type Fields, type Logger } from './logger.ts';
export {
  type LabelsOf,
  METRIC_SERVERS,
  METRICS,
  type MetricName,
  type MetricRow,
  type MetricServer,
} from './metric-catalogue.ts';
export { Metrics, metricOf, type Samples } from './metrics.ts';
export { Secret } from './secret.ts';
