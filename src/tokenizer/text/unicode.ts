/** The character classes of the Rust library, as parts of a class of a regular expression with the flag v. */
export const whiteSpace = String.raw`\p{White_Space}`;
/** A character of a word in Rust's regex: `\w`. */
export const wordCharacter = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;
/** A character of a word in a class of Oniguruma, such as `[\w]`. */
export const onigurumaWord = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
/** Outside a class, Oniguruma's `\w` and `\b` count ², ³, ¹, ¼, ½ and ¾ too. */
export const onigurumaWordAlone = String.raw`${onigurumaWord}\u00b2\u00b3\u00b9\u00bc-\u00be`;
/** ASCII punctuation, which includes symbols, and the punctuation of Unicode. */
export const punctuation = String.raw`\p{P}\$\+\<\=\>\^\`\|\~`;

/**
 * Makes letters small as Rust's char::to_lowercase does: one character at a time. So a sigma at the end of a word becomes σ, not ς.
 */
export function lowercase(text: string): string {
  return text.replaceAll('\u03a3', '\u03c3').toLowerCase();
}
