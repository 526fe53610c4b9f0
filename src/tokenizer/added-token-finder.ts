/** A token that a tokenizer cuts out of a text before it looks at anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** An added token in a text. */
export interface FoundToken {
  readonly token: AddedToken;
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

interface Node {
  readonly next: Map<string, Node>;
  token?: AddedToken;
}

/** Finds added tokens in texts: from left to right, the longest where several fit. */
export class AddedTokenFinder {
  readonly ids: ReadonlySet<number>;
  readonly #root: Node = { next: new Map() };

  constructor(tokens: Iterable<AddedToken>) {
    const ids = new Set<number>();
    for (const token of tokens) {
      ids.add(token.id);
      if (token.content !== '') this.#add(token);
    }
    this.ids = ids;
  }

  find(text: string): FoundToken[] {
    const found: FoundToken[] = [];
    for (let start = 0; start < text.length;) {
      const token = this.#longestAt(text, start);
      const end = start + (token?.content.length ?? 1);
      if (token !== undefined) found.push({ token, start, end });
      start = end;
    }
    return found;
  }

  #add(token: AddedToken): void {
    let node = this.#root;
    for (let at = 0; at < token.content.length; at++) {
      const unit = token.content.charAt(at);
      const next = node.next.get(unit) ?? { next: new Map<string, Node>() };
      node.next.set(unit, next);
      node = next;
    }
    node.token = token;
  }

  #longestAt(text: string, start: number): AddedToken | undefined {
    let longest: AddedToken | undefined;
    let node = this.#root.next.get(text.charAt(start));
    for (let at = start + 1; node !== undefined; at++) {
      longest = node.token ?? longest;
      node = node.next.get(text.charAt(at));
    }
    return longest;
  }
}
