import { createRandom } from '../core/index.ts';
import { drawGapMs, type ArrivalOptions } from './arrivals.ts';
import { drawLength, type Lengths } from './lengths.ts';
import { createZipf } from './zipf.ts';

/** A request of a trace. It depends on the trace's options alone, and not on how fast anything was answered. */
export interface PlannedRequest {
  /** Counts from 0. */
  readonly index: number;
  /** When it is to be sent, in milliseconds from the beginning. */
  readonly atMs: number;
  readonly model: string;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export interface TraceOptions extends ArrivalOptions {
  /** The models that are asked, the most popular first. */
  readonly models: readonly string[];
  /** Exponent of the models' popularity: 0 asks all alike. */
  readonly zipf: number;
  readonly promptTokens: Lengths;
  readonly answerTokens: Lengths;
  /** The trace ends before the first arrival after this time. */
  readonly durationMs: number;
  /** The trace has at most this many requests. */
  readonly requests: number;
  readonly seed: number;
}

/**
 * Plans the requests of an open-loop load: when each arrives, which model it asks, and how long it is. The same options give the same
 * trace, so that servers can be compared by the very same requests.
 */
export function createTrace(options: TraceOptions): PlannedRequest[] {
  const { models, zipf, promptTokens, answerTokens, durationMs, requests, seed } = options;
  // WHY a stream for each: with another rate, the requests stay the same in everything else.
  const [gaps, popularity, prompts, answers] = ['gaps', 'models', 'prompts', 'answers'].map((stream) =>
    createRandom(seed, `load/${stream}`),
  );
  if (!gaps || !popularity || !prompts || !answers) throw new TypeError('a stream is missing');
  const drawModel = createZipf(models.length, zipf);
  const trace: PlannedRequest[] = [];
  for (let atMs = drawGapMs(options, gaps); atMs < durationMs && trace.length < requests;) {
    trace.push({
      index: trace.length,
      atMs,
      model: models[drawModel(popularity)] ?? '',
      promptTokens: drawLength(promptTokens, prompts),
      answerTokens: drawLength(answerTokens, answers),
    });
    atMs += drawGapMs(options, gaps);
  }
  return trace;
}
