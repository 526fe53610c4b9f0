import { createContext, Script, type Context } from 'node:vm';
import { systemClock, type Clock } from '../../core/index.ts';

/** For patterns that are no plain names. A valid configuration has few of them, and needs a few milliseconds. */
const totalMs = 500;
/** Nothing else of the process runs meanwhile. */
const runMs = 25;
const maxPatterns = 10_000;
/** A name for each of ten thousand modules takes some hundred thousand tests, of which each takes a microsecond at most. */
const maxTests = 2_000_000;

/**
 * The time limit for all patterns of one configuration together. Patterns come from adapters and requests. With a limit for each
 * pattern, forty slow ones would take forty times as long.
 */
export class PatternBudget {
  readonly #clock: Clock;
  #leftMs = totalMs;
  #patterns = 0;
  #tests = 0;
  #context: Context | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Counts a pattern. @throws RangeError if there are too many */
  count(): void {
    this.#patterns++;
    if (this.#patterns > maxPatterns) throw new RangeError(`a configuration may have at most ${maxPatterns} patterns`);
  }

  /**
   * Tests a path with an expression that cannot take long on a single path. WHY counted and not timed: a clock also counts what the
   * machine does for others, and a sound configuration would be refused on a busy machine.
   *
   * @throws RangeError when the budget is used up
   */
  test(expression: RegExp, path: string): boolean {
    if (++this.#tests > maxTests)
      throw new RangeError(`all patterns of a configuration have ${maxTests} tests of names together`);
    return expression.test(path);
  }

  /**
   * Tests paths with any expression, and stops it after 25 ms.
   *
   * @returns undefined if it was stopped. The machine may have been busy meanwhile, so try again after other tasks have run
   * @throws RangeError when the budget is used up
   */
  testGuarded(source: string, paths: readonly string[]): boolean[] | undefined {
    const context = (this.#context ??= createContext({}));
    Object.assign(context, { source, paths: [...paths], result: '' });
    const start = this.#clock.now();
    let isStopped = false;
    try {
      program.runInContext(context, { timeout: runMs });
    } catch (error) {
      if (!isTimeout(error)) throw error;
      isStopped = true;
    }
    this.#spend(this.#clock.now() - start);
    return isStopped ? undefined : [...String(context['result'])].map((digit) => digit === '1');
  }

  #spend(ms: number): void {
    this.#leftMs -= ms;
    if (this.#leftMs < 0) throw new RangeError(usedUp);
  }
}

const usedUp = `it and the patterns before it took more than the ${totalMs} ms that all patterns of a configuration have`;

/** `.` is every character, and characters are code points. */
export const patternFlags = 'sv';

const program = new Script(
  `{ const test = new RegExp(source, '${patternFlags}'); result = paths.map((path) => Number(test.test(path))).join(''); }`,
);

/** WHY not `instanceof`: the error belongs to the context that was stopped. */
function isTimeout(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
