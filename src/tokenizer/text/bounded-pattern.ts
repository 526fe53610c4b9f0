import { createContext, Script, type Context } from 'node:vm';

import { isTimeout } from './pattern-time.ts';

/** What a match costs at most, as a pattern's parts say. */
export interface PatternCost {
  /** How many parts of one alternative may match any number of characters. Each multiplies the tries by the length of a text. */
  readonly unbounded: number;
  /** In how many ways its other parts can match. */
  readonly choices: number;
}

/** Some seconds of tries at most. */
const mostTries = 1e9;

/** How long a text may be that no pattern of such a cost takes long for. */
export function freeLength({ unbounded, choices }: PatternCost): number {
  let tries = mostTries / choices;
  for (let each = 2; each <= unbounded + 1; each++) tries *= each;
  return Math.floor(tries ** (1 / (unbounded + 1)));
}

/** The second limit is for a machine that was busy elsewhere during the first. */
const defaultLimitsMs = [500, 2000];

/**
 * A pattern of a file whose time is bounded. A pattern of a few parts can take years for a text of a thousand characters, and nothing in the
 * same thread stops it. So longer texts are searched in a context that is stopped. Short ones are searched directly, since a context
 * costs more than their search.
 */
export class BoundedPattern {
  readonly expression: RegExp;
  /** The longest text that is searched directly. */
  readonly freeLength: number;
  readonly #limitsMs: readonly number[];
  #context: Context | undefined;
  #problem: string | undefined;

  /** @param expression  with the flags g and v */
  constructor(expression: RegExp, longest: number, limitsMs: readonly number[] = defaultLimitsMs) {
    this.expression = expression;
    this.freeLength = longest;
    this.#limitsMs = limitsMs;
  }

  /**
   * The matches in a text, in order.
   *
   * @throws RangeError if it takes too long; then every further text fails at once
   */
  *matches(text: string): Generator<{ start: number; end: number }> {
    for (let from = 0; from <= text.length;) {
      const { found, next } = this.#search(text, from);
      for (let at = 0; at < found.length; at += 2) yield { start: found[at] ?? 0, end: found[at + 1] ?? 0 };
      from = next;
    }
  }

  #search(text: string, from: number): { found: readonly number[]; next: number } {
    if (this.#problem !== undefined) throw new RangeError(this.#problem);
    const context = (this.#context ??= createContext({ pattern: this.expression }));
    Object.assign(context, { text, from });
    for (const timeout of this.#limitsMs) {
      try {
        // WHY as: the program is our own.
        return program.runInContext(context, { timeout }) as { found: number[]; next: number };
      } catch (error) {
        if (!isTimeout(error)) throw error;
      }
    }
    this.#problem = `a pattern of it takes too long on a text of ${text.length} characters: ${this.expression.source}`;
    throw new RangeError(this.#problem);
  }
}

/** About a millisecond of work, unless the pattern is slow. */
const matchesPerRun = 4096;

// WHY a function: a global variable of a context is looked up through Node each time.
const program = new Script(`(function search(pattern, text, from) {
  const found = [];
  let next = from;
  while (found.length < ${2 * matchesPerRun}) {
    pattern.lastIndex = next;
    const match = pattern.exec(text);
    if (match === null) return { found, next: text.length + 1 };
    const end = match.index + match[0].length;
    found.push(match.index, end);
    next = end > match.index ? end : end + (text.codePointAt(end) > 0xffff ? 2 : 1);
  }
  return { found, next };
})(pattern, text, from)`);
