import type { Clock } from '../core/index.ts';
import type { PlannedRequest } from './trace.ts';

/** What one request came to. Times are milliseconds from the beginning of the trace. */
export interface RequestRecord {
  readonly index: number;
  readonly model: string;
  /** When it was to be sent. Latencies count from here, whether or not it was sent in time. */
  readonly intendedMs: number;
  readonly sentMs: number;
  /** When the first token came; undefined if none came. */
  readonly firstMs?: number;
  readonly endMs: number;
  /** Tokens of the answer. */
  readonly tokens: number;
  readonly promptTokens: number;
  /** Times between tokens, or between groups of tokens that came at once. */
  readonly gapsMs: readonly number[];
  readonly outcome: Outcome;
  /** Of an answer that is not `ok`: HTTP's status, if there was one. */
  readonly status?: number;
  readonly error?: string;
}

/** `refused`: the server said that it is full or not ready (429, 503). */
export type Outcome = 'ok' | 'refused' | 'failed';

/** How a request ended. */
export interface Answered {
  readonly outcome: Outcome;
  readonly status?: number;
  readonly error?: string;
  /** The server's own count, if it gives one. */
  readonly tokens?: number;
  readonly promptTokens?: number;
}

/** Sends one request. It never rejects. @param onToken to be called for each token, or each group that comes at once */
export type Ask = (planned: PlannedRequest, onToken: () => void, signal: AbortSignal) => Promise<Answered>;

export interface RunTraceOptions {
  readonly ask: Ask;
  readonly clock: Clock;
  /** Resolves after the time, or as soon as the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  /** Told after each request that ended. */
  readonly onEnd?: (record: RequestRecord) => void;
}

/**
 * Sends the requests of a trace at their times, however slow the answers are (an open loop), and waits for all of them.
 *
 * WHY an open loop: a client that waits for its answer before it asks again sends less when the server is slow, and hides exactly the
 * waiting that users would see.
 *
 * @returns one record for each request that was sent, in the order of the trace. When the signal aborts, the rest is not sent.
 */
export async function runTrace(
  trace: readonly PlannedRequest[],
  { ask, clock, wait, signal, onEnd }: RunTraceOptions,
): Promise<RequestRecord[]> {
  const began = clock.now();
  const under: Promise<RequestRecord>[] = [];
  for (const planned of trace) {
    const ahead = planned.atMs - (clock.now() - began);
    if (ahead > 0) await wait(ahead, signal);
    if (signal.aborted) break;
    under.push(
      send(planned, { ask, now: () => clock.now() - began, signal }).then((record) => {
        onEnd?.(record);
        return record;
      }),
    );
  }
  return Promise.all(under);
}

async function send(
  planned: PlannedRequest,
  { ask, now, signal }: { readonly ask: Ask; readonly now: () => number; readonly signal: AbortSignal },
): Promise<RequestRecord> {
  const sentMs = now();
  let first: number | undefined;
  let last = sentMs;
  let groups = 0;
  const gapsMs: number[] = [];
  const onToken = (): void => {
    const at = now();
    groups++;
    if (first === undefined) first = at;
    else gapsMs.push(at - last);
    last = at;
  };
  const { tokens, promptTokens, ...answered } = await ask(planned, onToken, signal);
  const { index, model, atMs: intendedMs } = planned;
  return {
    index,
    model,
    intendedMs,
    sentMs,
    ...(first === undefined ? {} : { firstMs: first }),
    endMs: now(),
    tokens: tokens ?? groups,
    promptTokens: promptTokens ?? planned.promptTokens,
    gapsMs,
    ...answered,
  };
}
