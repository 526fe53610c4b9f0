import type { EndedSequence } from '../metrics/sources.ts';
import type { Operation } from './request-span.ts';
import type { TraceParent } from './trace-parent.ts';

/** A request of HTTP that is traced, from its head to the end of its answer. */
export interface RequestTrace extends TraceParent {
  readonly operation: Operation | undefined;
  /**
   * The answer has ended. Only the first call counts.
   * @param status  undefined: the caller went away before there was one
   */
  end(status: number | undefined): void;
}

export interface TracedRequest {
  readonly method: string;
  /** The pattern of the route, or `unknown`. */
  readonly route: string;
  readonly requestId: string;
  readonly traceparent: string | string[] | undefined;
  readonly operation: Operation | undefined;
}

/** Writes spans of requests, of sequences, of what happens to adapters, and of jobs. */
export interface Tracing extends AsyncDisposable {
  begin(request: TracedRequest): RequestTrace;
  /**
   * Does what changes adapters: what the channel tells of them until it has ended belongs to the trace.
   * @param work  has ended when it returns, or when the promise that it returns is settled
   */
  during<T>(trace: TraceParent, work: () => T): T;
  /** Writes the span of a sequence whose `origin` is a request's trace; without one it writes none. */
  ended(sequence: EndedSequence, baseName: string): void;
}
