import { fail } from './fail.ts';

/** What a text value may have at most, in UTF-16 units. */
export const longestText = 2 ** 24;
/** What a range may have at most: the bound of Jinja2's sandbox. */
export const longestRange = 100_000;
/** How many macros and recursive loops may be inside one another. */
const deepestCall = 100;
/** How many evaluations one rendering may take, whatever it is given. */
const freeSteps = 250_000;
/** How many more it may take for each value that it is given: a message has at least three. */
const stepsPerValue = 1000;
/** How many UTF-16 units all texts that one rendering makes may have together. */
const mostText = 2 ** 27;

/**
 * One rendering: how much it may still do, and what is written.
 *
 * Templates come with models, so they are not trusted. The bounds keep a template from holding up the process or taking its memory.
 */
export class Run {
  /** The line of the template that is evaluated. */
  line = 1;
  /** The time of `strftime_now`. */
  readonly now: Date;
  /** The parts of the text that is being written: that of the template, or of a macro, a filter or a `set` block. */
  out: string[] = [];
  /** Whether `out` is the text of the template itself. */
  isOutermost = true;
  readonly #generations: { readonly start: number; readonly end: number }[] = [];
  /** What a `{% generation %}` inside a macro or another captured text enclosed, and where it belongs if that text begins with it. */
  readonly #supposed: { readonly start: number; readonly text: string }[] = [];
  readonly #mostSteps: number;
  #steps: number;
  #text = mostText;
  #depth = 0;
  #written = 0;
  #isGeneration = false;

  /** @param given  how many values, the values inside them counted too */
  constructor(now: Date, given: number) {
    this.now = now;
    this.#mostSteps = freeSteps + stepsPerValue * given;
    this.#steps = this.#mostSteps;
  }

  /** Counts evaluations. @throws EspalierError TEMPLATE_FAILED after too many */
  spend(steps = 1): void {
    this.#steps -= steps;
    if (this.#steps < 0) fail(`it takes more than ${this.#mostSteps} steps`);
  }

  /** Counts a search for a text in a text, which can take the product of their lengths. */
  spendSearch(text: string, sought: string): void {
    if (sought.length <= text.length) this.spend(Math.ceil((text.length * Math.max(1, sought.length)) / 256));
  }

  /** Counts a text that was made. */
  made(text: string): string {
    if (text.length > longestText) fail(`it makes a text of more than ${longestText} characters`);
    this.#text -= text.length;
    if (this.#text < 0) fail(`it makes texts of more than ${mostText} characters together`);
    return text;
  }

  /** Refuses a text before it is made. @param length  in UTF-16 units */
  allow(length: number): void {
    if (length > longestText) fail(`it makes a text of more than ${longestText} characters`);
  }

  write(text: string): void {
    if (text === '') return;
    this.out.push(text);
    if (this.isOutermost) {
      this.#written += text.length;
      this.allow(this.#written);
    }
  }

  /** How much of the template's own text is written. */
  get written(): number {
    return this.#written;
  }

  /** Returns what `body` writes, instead of writing it. */
  capture(body: () => void): string {
    const { out, isOutermost } = this;
    this.out = [];
    this.isOutermost = false;
    try {
      body();
      return this.made(this.out.join(''));
    } finally {
      this.out = out;
      this.isOutermost = isOutermost;
    }
  }

  /** Notes what `body` writes as written by the assistant. */
  generation(body: () => void): void {
    if (this.#isGeneration) return body();
    const start = this.#written;
    this.#isGeneration = true;
    let length: number;
    if (this.isOutermost) {
      body();
      length = this.#written - start;
    } else {
      const text = this.capture(body);
      this.write(text);
      this.#supposed.push({ start, text });
      length = text.length;
    }
    this.#isGeneration = false;
    this.#generations.push({ start, end: start + length });
  }

  /**
   * What `{% generation %}` enclosed, as ranges of the whole text in UTF-16 units. transformers takes what a macro marks for the beginning of
   * what the macro writes.
   * @returns undefined where that is not so
   */
  generationsIn(text: string): readonly { readonly start: number; readonly end: number }[] | undefined {
    return this.#supposed.every((one) => text.startsWith(one.text, one.start)) ? this.#generations : undefined;
  }

  /** Runs a call inside the calls that are running. */
  nested<Result>(call: () => Result): Result {
    this.#depth += 1;
    if (this.#depth > deepestCall) fail(`more than ${deepestCall} calls are inside one another`);
    try {
      return call();
    } finally {
      this.#depth -= 1;
    }
  }
}
