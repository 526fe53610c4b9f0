import type { EndedSequence } from '../metrics/sources.ts';
import type { Operation } from './request-span.ts';

/** A request of HTTP that is traced, from its head to the end of its answer. */
export interface RequestTrace {
  /** For logs: 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly operation: Operation | undefined;
  end(status: number): void;
}

export interface TracedRequest {
  readonly method: string;
  /** The pattern of the route, or `unknown`. */
  readonly route: string;
  readonly requestId: string;
  readonly traceparent: string | string[] | undefined;
  readonly operation: Operation | undefined;
}

/** Writes spans of requests, of sequences, and of what happens to adapters. */
export interface Tracing extends AsyncDisposable {
  begin(request: TracedRequest): RequestTrace;
  /** Calls `run`; `current` is the trace within it and in what it begins. */
  within(trace: RequestTrace, run: () => void): void;
  current(): RequestTrace | undefined;
  /** @param origin  the trace that `current` was when the sequence began */
  ended(sequence: EndedSequence, baseName: string): void;
}
