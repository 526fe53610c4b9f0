import type { Steps } from '../../core/index.ts';
import type { Change } from './aligned-text.ts';

/**
 * The character map of a sentencepiece model: a double-array trie from characters in UTF-8 to a text that replaces them.
 *
 * @see the normalizer of sentencepiece, and Aoe 1989, "An Efficient Digital Search Algorithm by Using a Double-Array Structure"
 */
export class CharacterMap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #found = new Map<string, string | undefined>();

  /** @param encoded  `precompiled_charsmap`: base64 of the size of the trie in bytes, the trie, and the texts. @throws RangeError */
  constructor(encoded: string) {
    const bytes = Buffer.from(encoded, 'base64');
    const size = bytes.length < 4 ? NaN : bytes.readUInt32LE(0);
    if (!(size % 4 === 0 && size <= bytes.length - 4)) throw new RangeError('its precompiled_charsmap cannot be read');
    this.#units = Uint32Array.from({ length: size / 4 }, (_, at) => bytes.readUInt32LE(4 + 4 * at));
    this.#texts = bytes.subarray(4 + size);
  }

  /**
   * Replaces what the map holds. A user-perceived character of few bytes is looked up as a whole first, and then each code point.
   *
   * WHY the first entry that begins such a character stands for all of it: the Rust library does so.
   */
  *normalize(text: string): Steps<string> {
    let normalized = '';
    let count = 0;
    if (plain.test(text)) {
      for (const character of text) {
        normalized += this.#replacement(character) ?? character;
        if (++count % charactersPerStep === 0) yield;
      }
      return normalized;
    }
    for (const { segment } of segmenter.segment(text)) {
      const whole = Buffer.byteLength(segment) < 6 ? this.#replacement(segment) : undefined;
      normalized += whole ?? this.#replaceEach(segment);
      if (++count % charactersPerStep === 0) yield;
    }
    return normalized;
  }

  /** The characters of the normalized text, with how each came to be. */
  changes(text: string): Iterable<Change> {
    const changes: { character: string; change: number }[] = [];
    for (const { segment } of segmenter.segment(text)) {
      const whole = Buffer.byteLength(segment) < 6 ? this.#replacement(segment) : undefined;
      if (whole !== undefined) addReplacement(changes, segment, whole);
      else {
        for (const character of segment) addReplacement(changes, character, this.#replacement(character) ?? character);
      }
    }
    return changes;
  }

  #replaceEach(text: string): string {
    let replaced = '';
    for (const character of text) replaced += this.#replacement(character) ?? character;
    return replaced;
  }

  #replacement(part: string): string | undefined {
    if (this.#found.has(part)) return this.#found.get(part);
    if (this.#found.size > mostKept) this.#found.clear();
    const replacement = this.#search(part);
    this.#found.set(part, replacement);
    return replacement;
  }

  #search(part: string): string | undefined {
    const units = this.#units;
    let node = offsetOf(units[0] ?? 0);
    for (const byte of utf8.encode(part)) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node] ?? 0;
      if ((unit & 0x800000ff) >>> 0 !== byte) return undefined;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) return this.#textAt((units[node] ?? 0) & 0x7fffffff);
    }
    return undefined;
  }

  /** A text ends with a zero byte. */
  #textAt(start: number): string {
    const end = this.#texts.indexOf(0, start);
    return reader.decode(this.#texts.subarray(start, end < 0 ? this.#texts.length : end));
  }
}

/**
 * Adds what replaces a part. Where it is longer, its last characters are new. Where it is shorter, the last character also stands for what
 * is missing: that may be one before the part, and without any the next part takes its place, as in the Rust library.
 */
function addReplacement(changes: { character: string; change: number }[], part: string, replacement: string): void {
  const added = [...replacement].map((character) => ({ character, change: 0 }));
  const more = added.length - [...part].length;
  for (const each of added) changes.push(each);
  for (let at = changes.length - 1, left = more; left > 0; at--, left--) {
    const one = changes[at];
    if (one !== undefined) one.change = 1;
  }
  const last = changes.at(-1);
  if (more < 0 && last !== undefined) last.change += more;
}

const utf8 = new TextEncoder();
const reader = new TextDecoder('utf-8', { ignoreBOM: true });
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Each character of such a text is one for its reader too. */
const plain = /^[\n -~\u00a0-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f\u3040-\u3098\u309b-\u30ff\u4e00-\u9fff]*$/;
const mostKept = 50_000;
/** Some hundred microseconds of work. */
const charactersPerStep = 1024;

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
