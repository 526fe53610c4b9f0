/** A part of what a model has written: words of the answer, thoughts, the begin of a call of a tool, or what follows in its arguments. */
export type AnswerPart =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'arguments'; readonly text: string };

/** Collects parts. What follows in the same kind of words is joined. */
export class AnswerParts {
  #parts: AnswerPart[] = [];
  /** Whether what comes next belongs to a thought. */
  isThinking = false;
  /** Calls that have begun. */
  calls = 0;

  text(text: string): void {
    this.#add('text', text);
  }

  reasoning(text: string): void {
    this.#add('reasoning', text);
  }

  /** Begins the next call. */
  call(name: string): void {
    this.calls++;
    this.#parts.push({ kind: 'call', name });
  }

  /** @param text  what follows in the JSON text of the arguments of the last call */
  arguments(text: string): void {
    this.#add('arguments', text);
  }

  /** @returns what came since the last time */
  take(): readonly AnswerPart[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #add(kind: 'text' | 'reasoning' | 'arguments', text: string): void {
    if (text === '') return;
    const last = this.#parts.at(-1);
    if (last?.kind === kind) this.#parts[this.#parts.length - 1] = { kind, text: last.text + text };
    else this.#parts.push({ kind, text });
  }
}
