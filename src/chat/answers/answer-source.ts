/** Reading goes on when more text has come. */
export type Reading<Result = void> = Generator<void, Result, void>;

/**
 * A text that arrives in pieces, read one UTF-16 unit at a time. WHY by units: a reader that never sees where the pieces end cannot
 * depend on them.
 */
export class AnswerSource {
  #text = '';
  #at = 0;
  #isEnded = false;
  #record: string | undefined;

  push(text: string): void {
    this.#text = this.#text.slice(this.#at) + text;
    this.#at = 0;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** The next unit, which stays. undefined at the end of the text. */
  *peek(): Reading<string | undefined> {
    while (this.#at >= this.#text.length) {
      if (this.#isEnded) return undefined;
      yield;
    }
    return this.#text[this.#at];
  }

  /** Takes the unit that `peek` has shown. */
  skip(): void {
    if (this.#record !== undefined) this.#record += this.#text[this.#at] ?? '';
    this.#at++;
  }

  /** Takes a text if it comes next, and nothing of it otherwise. It is not empty. */
  *takes(text: string): Reading<boolean> {
    let taken = 0;
    while (taken < text.length) {
      if ((yield* this.peek()) !== text[taken]) {
        this.#unread(text.slice(0, taken));
        return false;
      }
      this.skip();
      taken++;
    }
    return true;
  }

  /** @returns the white space that comes next */
  *space(): Reading<string> {
    let space = '';
    for (let unit = yield* this.peek(); unit !== undefined && /\s/.test(unit); unit = yield* this.peek()) {
      space += unit;
      this.skip();
    }
    return space;
  }

  /** Takes the words of a form, with any white space before each, and nothing if one of them does not come. */
  *takesWords(words: readonly string[]): Reading<boolean> {
    let taken = '';
    for (const word of words) {
      taken += yield* this.space();
      if (!(yield* this.takes(word))) {
        this.#unread(taken);
        return false;
      }
      taken += word;
    }
    return true;
  }

  /** Remembers what is taken from here on, until `recorded` gives it. */
  record(): void {
    this.#record = '';
  }

  recorded(): string {
    const record = this.#record ?? '';
    this.#record = undefined;
    return record;
  }

  #unread(text: string): void {
    this.#text = text + this.#text.slice(this.#at);
    this.#at = 0;
    if (this.#record !== undefined) this.#record = this.#record.slice(0, this.#record.length - text.length);
  }
}

/** The words of a literal text of a template, without the white space between them. */
export function wordsOf(literal: string): readonly string[] {
  return literal.split(/\s+/).filter((word) => word !== '');
}
