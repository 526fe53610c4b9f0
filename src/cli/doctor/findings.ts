import type { SeriesLine } from './series-lines.ts';

/** Something that wants a person's look, and the alert whose page says what to do. */
export interface Finding {
  /** The page is `docs/alerts/ALERT.md`. */
  readonly alert: string;
  readonly what: string;
}

/** What the series of a server show at one moment. Alerts that look at a stretch of time need Prometheus. */
export function findingsOf(lines: readonly SeriesLine[]): Finding[] {
  const of = (name: string): SeriesLine[] => lines.filter((line) => line.name === name);
  const label = ({ labels }: SeriesLine, name: string): string => labels[name] ?? '';
  const found: Finding[] = [];
  const add = (alert: string, what: string): void => void found.push({ alert, what });
  for (const { value } of of('espalier_ready')) if (value === 0) add('EspalierNotReady', 'it takes no requests');
  for (const line of of('espalier_breaker_state')) {
    if (label(line, 'state') !== 'closed') {
      const of = `${label(line, 'adapter')} (${label(line, 'version')})`;
      add('EspalierBreakerOpen', `the breaker of ${of} is ${label(line, 'state')}`);
    }
  }
  for (const line of of('espalier_rollout_phase')) {
    const [name, phase] = [label(line, 'adapter'), label(line, 'phase')];
    if (phase === 'failed') add('EspalierRolloutFailed', `the roll-out of ${name} was rolled back`);
    if (phase === 'paused') add('EspalierRolloutPaused', `the roll-out of ${name} waits for a person`);
  }
  for (const line of of('device_up')) {
    if (line.value === 0) add('EspalierAdapterDown', `the adapter ${label(line, 'id')} cannot be served`);
  }
  for (const { value } of of('espalier_prefix_damaged_blocks_total')) {
    if (value > 0) add('EspalierMemoryDamaged', `${value} kept blocks were damaged`);
  }
  for (const { value } of of('nodejs_eventloop_lag_p99_seconds')) {
    if (value > 0.1) add('EspalierEventLoopBlocked', `the event loop is ${(value * 1000).toFixed(0)} ms late (p99)`);
  }
  const waiting = of('vllm:num_requests_waiting')[0]?.value ?? 0;
  const slots = of('espalier_slots')[0]?.value ?? 0;
  if (waiting > slots) add('EspalierQueueLong', `${waiting} requests wait for ${slots} slots`);
  return found;
}
