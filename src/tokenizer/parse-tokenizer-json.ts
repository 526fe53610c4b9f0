import { isJsonObject, parseJsonObject, type JsonObject } from './tokenizer-files.ts';

/** A vocabulary that was read directly. */
export class TokenIds {
  readonly ids: Map<string, number>;

  constructor(ids: Map<string, number>) {
    this.ids = ids;
  }
}

/** Merges that were read directly: the ids of the two tokens of each, one after another. */
export class MergeIds {
  readonly ids: readonly number[];

  constructor(ids: readonly number[]) {
    this.ids = ids;
  }
}

/**
 * Parses `tokenizer.json`. The vocabulary and the merges of a large one are nearly all of it: they are read directly, into a map and into
 * a list of ids, because JSON.parse would make half a million small arrays of a million texts. Where they are written in any other way
 * than such files write them, JSON.parse reads all of it, and says what is wrong.
 *
 * @throws EspalierError TOKENIZER_INVALID where it is not a JSON object
 */
export function parseTokenizerJson(text: string, path: string): JsonObject {
  return (text.length > smallest ? readLarge(text, path) : undefined) ?? parseJsonObject(text, path);
}

const smallest = 100_000;

function readLarge(text: string, path: string): JsonObject | undefined {
  const scanner = new Scanner(text);
  if (!scanner.seek(/"vocab"\s*:\s*\{/g)) return undefined;
  const begin = scanner.at;
  const vocab = readVocab(scanner);
  if (vocab === undefined) return undefined;
  const end = scanner.at;
  // WHY after the vocabulary: all files have this order, and a search from the beginning would go through the vocabulary.
  let rest = `${text.slice(0, begin)}}`;
  let merges: number[] | undefined;
  if (scanner.seek(/"merges"\s*:\s*\[/g)) {
    rest += text.slice(end, scanner.at);
    merges = readMergeIds(scanner, vocab);
    if (merges === undefined) return undefined;
    rest += `]${text.slice(scanner.at)}`;
  } else rest += text.slice(end);
  const parsed = parseJsonObject(rest, path);
  const { model } = parsed;
  if (!isJsonObject(model) || !isEmpty(model['vocab']) || (merges !== undefined && !isEmpty(model['merges']))) {
    return undefined;
  }
  return {
    ...parsed,
    model: { ...model, vocab: new TokenIds(vocab), ...(merges && { merges: new MergeIds(merges) }) },
  };
}

/** What was read directly is empty in the rest, unless it was found at another place. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** The entries after `{`, up to and including `}`. */
function readVocab(scanner: Scanner): Map<string, number> | undefined {
  const vocab = new Map<string, number>();
  if (scanner.take(braceClose)) return vocab;
  do {
    const token = scanner.string();
    if (token === undefined || !scanner.take(colon)) return undefined;
    const id = scanner.integer();
    if (id === undefined) return undefined;
    vocab.set(token, id);
  } while (scanner.take(comma));
  return scanner.take(braceClose) ? vocab : undefined;
}

/** Pairs after `[`, up to and including `]`. Undefined where they are not lists of two tokens. */
function readMergeIds(scanner: Scanner, vocab: ReadonlyMap<string, number>): number[] | undefined {
  const ids: number[] = [];
  if (scanner.take(bracketClose)) return ids;
  do {
    if (!scanner.take(bracketOpen)) return undefined;
    const left = vocab.get(scanner.string() ?? '');
    if (left === undefined || !scanner.take(comma)) return undefined;
    const right = vocab.get(scanner.string() ?? '');
    if (right === undefined || !scanner.take(bracketClose)) return undefined;
    ids.push(left, right);
  } while (scanner.take(comma));
  return scanner.take(bracketClose) ? ids : undefined;
}

const [comma, colon, quote, backslash] = [0x2c, 0x3a, 0x22, 0x5c];
const [bracketOpen, bracketClose, braceClose] = [0x5b, 0x5d, 0x7d];

/** Reads JSON from left to right. */
class Scanner {
  at = 0;
  readonly #text: string;
  /** The next backslash, so that texts without one are cut out as they are. */
  #escape = -1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Goes behind the next match. @param pattern  with the flag g */
  seek(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }

  /** Goes behind white space and a character, if it comes next. */
  take(code: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.at) !== code) return false;
    this.at++;
    return true;
  }

  string(): string | undefined {
    if (!this.take(quote)) return undefined;
    const start = this.at;
    const end = this.#text.indexOf('"', start);
    if (end < 0) return undefined;
    if (this.#escape < start) {
      const found = this.#text.indexOf('\\', start);
      this.#escape = found < 0 ? Infinity : found;
    }
    if (this.#escape > end) {
      this.at = end + 1;
      return this.#text.slice(start, end);
    }
    return this.#escaped(start);
  }

  integer(): number | undefined {
    this.#skipSpace();
    let value = 0;
    const start = this.at;
    for (let digit = this.#digit(); digit >= 0 && digit <= 9; digit = this.#digit()) {
      value = 10 * value + digit;
      this.at++;
    }
    // Longer numbers, fractions and exponents are no ids.
    return this.at > start && this.at - start < 11 ? value : undefined;
  }

  #digit(): number {
    return this.#text.charCodeAt(this.at) - 0x30;
  }

  #escaped(start: number): string | undefined {
    let end = this.#escape;
    for (let code = this.#text.charCodeAt(end); code !== quote; code = this.#text.charCodeAt(end)) {
      if (Number.isNaN(code)) return undefined;
      end += code === backslash ? 2 : 1;
    }
    this.at = end + 1;
    try {
      const value: unknown = JSON.parse(this.#text.slice(start - 1, end + 1));
      return typeof value === 'string' ? value : undefined;
    } catch {
      return undefined;
    }
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }
}
