import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '@sallyport/log';

/** Between two samples of the event loop: each costs a wake-up. */
const SAMPLE_MS = 50;
const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;
const PERCENTILES = [50, 99, 100] as const;

/** Watches memory, processor and event loop of this process; `collect` puts them into the metrics. */
export function watchProcess(metrics: Metrics): { collect(): void; close(): void } {
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  metrics.set('sallyport_process_start_time_seconds', {}, performance.timeOrigin / 1_000);
  return {
    collect: () => {
      const { rss, heapUsed } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      metrics.set('sallyport_process_resident_memory_bytes', {}, rss);
      metrics.set('sallyport_process_heap_used_bytes', {}, heapUsed);
      metrics.set('sallyport_process_cpu_seconds_total', {}, (user + system) / MICROSECONDS);
      for (const percentile of PERCENTILES) {
        // The histogram holds whole intervals: lateness is what is over one.
        const late = delay.percentile(percentile) / NANOSECONDS - SAMPLE_MS / 1_000;
        const labels = { percentile: String(percentile) };
        metrics.set('sallyport_event_loop_lag_seconds', labels, Math.max(0, late));
      }
      delay.reset();
    },
    close: () => delay.disable(),
  };
}
