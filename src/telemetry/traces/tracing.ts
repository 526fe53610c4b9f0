import type { AnswerEnd } from '../answer-end.ts';
import type { EndedSequence, SpansSample } from '../metrics/sources.ts';
import type { Operation } from './request-span.ts';
import type { TraceParent } from './trace-parent.ts';

/** A request of HTTP that is traced, from its head to the end of its answer. */
export interface RequestTrace extends TraceParent {
  readonly operation: Operation | undefined;
  /** Whether the answer comes piece by piece. */
  isStreamed: boolean;
  /**
   * The answer has ended. Only the first call counts.
   */
  end(end: AnswerEnd): void;
}

export interface TracedRequest {
  readonly method: string;
  /** The pattern of the route; undefined: there is none for it. */
  readonly route: string | undefined;
  readonly requestId: string;
  readonly traceparent: string | string[] | undefined;
  readonly tracestate?: string | string[] | undefined;
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
  /** How many spans came how far. */
  figures(): SpansSample;
}
