import type { RequestRecord } from './run-trace.ts';
import type { LoadSummary } from './summary.ts';
import type { TraceOptions } from './trace.ts';

/** A trace at one rate. */
export interface LoadRun {
  /** Requests a second that were to be sent. */
  readonly rate: number;
  readonly summary: LoadSummary;
  readonly records: readonly RequestRecord[];
}

/** What `espalier bench serve` writes. */
export interface LoadResult {
  readonly server: string;
  readonly api: 'chat' | 'completions';
  /** ISO 8601. */
  readonly started: string;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  readonly trace: Omit<TraceOptions, 'rate'>;
  readonly runs: readonly LoadRun[];
}
