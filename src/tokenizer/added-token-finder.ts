/** A token in a text. */
export interface FoundToken<Token> {
  readonly token: Token;
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

interface Node<Token> {
  readonly next: Map<number, Node<Token>>;
  token?: Token;
}

/** Finds tokens in texts: from left to right, the longest where several fit. */
export class AddedTokenFinder<Token> {
  readonly #root: Node<Token> = { next: new Map() };
  /** 1 for each unit of UTF-16 that a token begins with: nearly all of a text is passed by looking here. */
  readonly #begins = new Uint8Array(0x10000);
  readonly #written: (token: Token) => string;

  constructor(tokens: Iterable<Token>, written: (token: Token) => string) {
    this.#written = written;
    for (const token of tokens) if (written(token) !== '') this.#add(token);
  }

  find(text: string): FoundToken<Token>[] {
    const found: FoundToken<Token>[] = [];
    if (this.#root.next.size === 0) return found;
    for (let start = 0; start < text.length;) {
      if (this.#begins[text.charCodeAt(start)] === 0) {
        start++;
        continue;
      }
      const token = this.#longestAt(text, start);
      const end = start + (token === undefined ? 1 : this.#written(token).length);
      if (token !== undefined) found.push({ token, start, end });
      start = end;
    }
    return found;
  }

  #add(token: Token): void {
    const text = this.#written(token);
    this.#begins[text.charCodeAt(0)] = 1;
    let node = this.#root;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      const next = node.next.get(unit) ?? { next: new Map<number, Node<Token>>() };
      node.next.set(unit, next);
      node = next;
    }
    node.token = token;
  }

  #longestAt(text: string, start: number): Token | undefined {
    let longest: Token | undefined;
    let node = this.#root.next.get(text.charCodeAt(start));
    for (let at = start + 1; node !== undefined; at++) {
      longest = node.token ?? longest;
      node = node.next.get(text.charCodeAt(at));
    }
    return longest;
  }
}
