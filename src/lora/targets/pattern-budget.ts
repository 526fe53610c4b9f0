import { createContext, Script, type Context } from 'node:vm';
import { systemClock, type Clock } from '../../core/index.ts';

/** A valid configuration needs a few milliseconds. The rest is reserve for a busy machine. */
const totalMs = 500;
const maxPatterns = 10_000;

/**
 * The time limit for all patterns of one configuration together. Patterns come from adapters and requests. With a limit for each
 * pattern, forty slow ones would take forty times as long.
 */
export class PatternBudget {
  readonly #clock: Clock;
  #leftMs = totalMs;
  #patterns = 0;
  #context: Context | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /**
   * Tests paths one after the other with an expression that cannot take long on a single path.
   * @throws RangeError when the budget is used up
   */
  test(expression: RegExp, paths: readonly string[]): boolean[] {
    this.#count();
    return paths.map((path) => {
      const start = this.#clock.now();
      const fits = expression.test(path);
      this.#spend(this.#clock.now() - start);
      return fits;
    });
  }

  /**
   * Tests paths with any expression. It is stopped when the budget is used up.
   * @throws RangeError when the budget is used up
   */
  testGuarded(source: string, paths: readonly string[]): boolean[] {
    this.#count();
    const context = (this.#context ??= createContext({}));
    Object.assign(context, { source, paths: [...paths], result: '' });
    const start = this.#clock.now();
    try {
      program.runInContext(context, { timeout: Math.max(1, Math.ceil(this.#leftMs)) });
    } catch (cause) {
      throw new RangeError(usedUp, { cause });
    }
    this.#spend(this.#clock.now() - start);
    return [...String(context['result'])].map((digit) => digit === '1');
  }

  #count(): void {
    this.#patterns++;
    if (this.#patterns > maxPatterns) throw new RangeError(`a configuration may have at most ${maxPatterns} patterns`);
  }

  #spend(ms: number): void {
    this.#leftMs -= ms;
    if (this.#leftMs < 0) throw new RangeError(usedUp);
  }
}

const usedUp = `it and the patterns before it took more than the ${totalMs} ms that all patterns of a configuration have`;

const program = new Script("result = paths.map((path) => Number(new RegExp(source, 's').test(path))).join('')");
