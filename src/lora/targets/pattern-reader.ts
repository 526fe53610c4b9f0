/** The characters of a pattern, read one after the other. */
export class PatternReader {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** The next character, or one further on; '' at the end. */
  peek(ahead = 0): string {
    return this.#characters[this.#at + ahead] ?? '';
  }

  /** Takes the next character. @throws SyntaxError at the end */
  next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new SyntaxError('it ends too early');
    return character;
  }

  /** Takes this text, of ASCII characters, if it is next. */
  take(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text[i]) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes characters as long as they fit, at most this many. */
  takeWhile(fits: RegExp, most = Infinity): string {
    let taken = '';
    while (taken.length < most && fits.test(this.peek())) taken += this.next();
    return taken;
  }

  /** Takes everything up to this character, and the character. @throws SyntaxError if it does not come */
  takeUntil(end: string): string {
    let taken = '';
    for (let character = this.next(); character !== end; character = this.next()) taken += character;
    return taken;
  }

  /** The place, to return to with `back`. */
  get place(): number {
    return this.#at;
  }

  back(place: number): void {
    this.#at = place;
  }
}
