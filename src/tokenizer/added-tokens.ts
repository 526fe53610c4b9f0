import { z } from 'zod';

import { isId, shown } from './model/read-model.ts';
import { AddedTokenFinder } from './added-token-finder.ts';
import { wordCharacter } from './text/unicode.ts';
import type { Normalizer } from './text/normalizing.ts';

/** A token that is cut out of a text before anything else looks at it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Found in the normalized text, else in the text as it is. */
  readonly normalized: boolean;
  /** What is found: `content`, normalized if `normalized` says so. Decoding gives it too. */
  readonly written: string;
  readonly singleWord: boolean;
  readonly stripsLeft: boolean;
  readonly stripsRight: boolean;
}

/** A part of a text: an added token, or what lies between two. */
export interface Section {
  readonly text: string;
  /** In UTF-16 units. */
  readonly start: number;
  readonly token?: AddedToken;
}

const schema = z.object({
  id: z.number().refine(isId),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

export interface AddedTokenOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** How many tokens the model has. A token that is not among them gets the next id. */
  readonly size: number;
  readonly normalize: Normalizer['normalize'] | undefined;
}

/**
 * Reads the `added_tokens` of a `tokenizer.json`. A token that the vocabulary holds has the id that it has there.
 *
 * @throws RangeError
 */
export function readAddedTokens(json: unknown, { vocabulary, size, normalize }: AddedTokenOptions): AddedToken[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw new RangeError('its added_tokens are not a list');
  const tokens = new Map<string, AddedToken>();
  let next = size;
  for (const entry of json) {
    const { data } = schema.safeParse(entry);
    if (data === undefined) throw new RangeError(`its added_tokens hold ${shown(entry)}`);
    const { content, special, normalized = !special } = data;
    if (content === '') continue;
    const id = tokens.get(content)?.id ?? vocabulary.get(content) ?? next;
    if (id === next) next++;
    tokens.set(content, {
      id,
      content,
      special,
      normalized,
      written: normalized && normalize !== undefined ? normalize(content) : content,
      singleWord: data.single_word,
      stripsLeft: data.lstrip,
      stripsRight: data.rstrip,
    });
  }
  return [...tokens.values()];
}

const startsWithWord = new RegExp(`^[${wordCharacter}]`, 'v');
const endsWithWord = new RegExp(`[${wordCharacter}]$`, 'v');
const space = /\p{White_Space}/u;

/** Cuts a text at added tokens. */
export class AddedTokenSplitter {
  readonly #finder: AddedTokenFinder<AddedToken>;

  constructor(tokens: readonly AddedToken[]) {
    this.#finder = new AddedTokenFinder(tokens, ({ written }) => written);
  }

  /** @returns sections, none of them empty; a token that takes spaces includes them */
  split(text: string): Section[] {
    const sections: Section[] = [];
    let done = 0;
    for (const { token, ...place } of this.#finder.find(text)) {
      if (token.singleWord && isInWord(text, place)) continue;
      const start = token.stripsLeft ? Math.max(done, spaceBefore(text, place.start)) : place.start;
      const end = token.stripsRight ? spaceAfter(text, place.end) : place.end;
      if (done < start) sections.push({ text: text.slice(done, start), start: done });
      sections.push({ text: text.slice(start, end), start, token });
      done = end;
    }
    if (done < text.length) sections.push({ text: done === 0 ? text : text.slice(done), start: done });
    return sections;
  }
}

function isInWord(text: string, { start, end }: { readonly start: number; readonly end: number }): boolean {
  return endsWithWord.test(text.slice(Math.max(0, start - 2), start)) || startsWithWord.test(text.slice(end, end + 2));
}

function spaceBefore(text: string, place: number): number {
  let start = place;
  while (start > 0 && space.test(text.charAt(start - 1))) start--;
  return start;
}

function spaceAfter(text: string, place: number): number {
  let end = place;
  while (end < text.length && space.test(text.charAt(end))) end++;
  return end;
}
