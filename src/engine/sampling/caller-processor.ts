import { EspalierError, messageOf } from '../../core/index.ts';
import type { LogitsProcessor } from './logits-processor.ts';

/** The tokens of a request so far. Valid during the call. */
export interface TokensSoFar {
  readonly prompt: ArrayLike<number>;
  /** The tokens that were drawn, without those that the prompt holds. */
  readonly answer: readonly number[];
}

/**
 * Changes the logits of one request before each of its tokens is drawn. It runs on the thread of the engine, between two steps, so it
 * should take well below a millisecond.
 *
 * @param logits  f32 [vocabulary], changed in place: numbers, or −Infinity for what must not be drawn
 */
export type LogitsFunction = (logits: Float32Array, tokens: TokensSoFar) => void;

/** A `LogitsFunction` and what errors call it. */
export interface NamedLogitsFunction {
  readonly name: string;
  readonly change: LogitsFunction;
}

/**
 * Runs a caller's function as a processor. What it does wrong fails its own request only.
 *
 * WHY checked: with NaN among the logits any token could be drawn, and nobody would see it.
 */
export class CallerProcessor implements LogitsProcessor {
  readonly #given: NamedLogitsFunction;
  readonly #answer: number[] = [];
  readonly #tokens: TokensSoFar;

  constructor(given: NamedLogitsFunction, prompt: ArrayLike<number>) {
    this.#given = given;
    this.#tokens = { prompt, answer: this.#answer };
  }

  /** @throws EspalierError LOGITS_PROCESSOR_FAILED */
  process(logits: Float32Array): void {
    const { change } = this.#given;
    try {
      change(logits, this.#tokens);
    } catch (cause) {
      throw this.#failed(messageOf(cause), cause);
    }
    const problem = problemOf(logits);
    if (problem !== undefined) throw this.#failed(problem);
  }

  note(token: number): void {
    this.#answer.push(token);
  }

  #failed(reason: string, cause?: unknown): EspalierError {
    return new EspalierError('LOGITS_PROCESSOR_FAILED', { name: this.#given.name, reason }, { cause });
  }
}

function problemOf(logits: Float32Array): string | undefined {
  let isPossible = false;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] ?? 0;
    if (!(logit < Infinity)) return `it left ${logit} at token ${token}`;
    if (logit > -Infinity) isPossible = true;
  }
  return isPossible ? undefined : 'it left no token that can be drawn';
}
