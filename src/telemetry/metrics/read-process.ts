import type { MetricSet } from './metric-set.ts';
import type { LoopDelays, LoopWatch } from './process-samples.ts';
import type { Reading } from './reading.ts';
import type { ServerTable } from './server-table.ts';

/** Reads what the process and the server as a whole are doing. */
export function readProcess(
  set: MetricSet<ServerTable>,
  reading: () => Reading,
  { version, loop }: { readonly version: string; readonly loop: Pick<LoopWatch, 'take'> },
): void {
  const labels = { version, node: process.versions.node };
  let delays: LoopDelays = { p50: 0, p99: 0, max: 0 };
  const startTime = Date.now() / 1000 - process.uptime();
  set.read('espalier_build_info', () => [{ labels, value: 1 }]);
  set.read('espalier_ready', () => [{ value: reading().sources?.isReady() === true ? 1 : 0 }]);
  set.read('espalier_trace_spans_total', () =>
    Object.entries(reading().sources?.spans?.() ?? {}).map(([state, value]) => ({ labels: { state }, value })),
  );
  set.read('process_start_time_seconds', () => [{ value: startTime }]);
  set.read('process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage();
    return [{ value: (user + system) / 1e6 }];
  });
  set.read('process_resident_memory_bytes', () => [{ value: process.memoryUsage.rss() }]);
  set.read('nodejs_heap_size_used_bytes', () => [{ value: process.memoryUsage().heapUsed }]);
  set.read('nodejs_external_memory_bytes', () => [{ value: process.memoryUsage().external }]);
  // WHY taken with the first of the three: they are of one stretch of time.
  set.read('nodejs_eventloop_lag_p50_seconds', () => {
    delays = loop.take();
    return [{ value: delays.p50 }];
  });
  set.read('nodejs_eventloop_lag_p99_seconds', () => [{ value: delays.p99 }]);
  set.read('nodejs_eventloop_lag_max_seconds', () => [{ value: delays.max }]);
}
