import type { Change } from './aligned-text.ts';

/** The normal forms of Unicode. */
export type NormalForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * The characters of the normal form of a text, with how each came to be: the first part of a decomposed character stands for it, its other
 * parts are new, and to compose characters removes all but the first.
 *
 * WHY queues: to sort marks and to compose them keeps the order of equal characters. So of two equal ones the first in the text is the first
 * in the form, and no table of the classes of marks is needed.
 */
export function* normalFormChanges(text: string, form: NormalForm): Generator<Change> {
  const decomposed = form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD';
  const parts = new Queues();
  for (const character of text) {
    let change = 0;
    for (const part of character.normalize(decomposed)) {
      parts.add(part, change);
      change = 1;
    }
  }
  for (const character of text.normalize(form)) {
    if (form === decomposed) {
      yield { character, change: parts.take(character) };
      continue;
    }
    let change = 1;
    for (const part of character.normalize('NFD')) change += parts.take(part) - 1;
    yield { character, change };
  }
}

/** Numbers that wait for their character, first in, first out. */
class Queues {
  readonly #waiting = new Map<string, { readonly values: number[]; next: number }>();

  add(character: string, value: number): void {
    const queue = this.#waiting.get(character);
    if (queue === undefined) this.#waiting.set(character, { values: [value], next: 0 });
    else queue.values.push(value);
  }

  take(character: string): number {
    const queue = this.#waiting.get(character);
    return queue?.values[queue.next++] ?? 0;
  }
}
