import { isJsonObject, parseJsonObject, type JsonObject } from './tokenizer-files.ts';
import { hashed, mixed, WrittenTokens, type WrittenToken } from './written-tokens.ts';

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
  const written = new WrittenTokens(text);
  const vocab = readVocab(scanner, written);
  if (vocab === undefined) return undefined;
  const end = scanner.at;
  // WHY after the vocabulary: all files have this order, and a search from the beginning would go through the vocabulary.
  let rest = `${text.slice(0, begin)}}`;
  let merges: number[] | undefined;
  if (scanner.seek(/"merges"\s*:\s*\[/g)) {
    rest += text.slice(end, scanner.at);
    merges = readMergeIds(scanner, vocab, written);
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
function readVocab(scanner: Scanner, written: WrittenTokens): Map<string, number> | undefined {
  const vocab = new Map<string, number>();
  if (scanner.take(braceClose)) return vocab;
  do {
    const token = scanner.string();
    if (token === undefined || !scanner.take(colon)) return undefined;
    const place = scanner.found();
    const id = scanner.integer();
    if (id === undefined) return undefined;
    vocab.set(token, id);
    written.add(place, id);
  } while (scanner.take(comma));
  return scanner.take(braceClose) ? vocab : undefined;
}

/** Merges after `[`, up to and including `]`. Undefined where they are not two tokens each. */
function readMergeIds(
  scanner: Scanner,
  vocab: ReadonlyMap<string, number>,
  written: WrittenTokens,
): number[] | undefined {
  // WHY: one token that is written in two ways may have two ids, of which the last counts.
  if (written.size !== vocab.size) return undefined;
  const ids: number[] = [];
  if (scanner.take(bracketClose)) return ids;
  do {
    const isRead = scanner.take(bracketOpen) ? readPair(scanner, written, ids) : readOldPair(scanner, written, ids);
    if (!isRead) return undefined;
  } while (scanner.take(comma));
  return scanner.take(bracketClose) ? ids : undefined;
}

/** A list of two tokens after its bracket. @returns false for anything else */
function readPair(scanner: Scanner, written: WrittenTokens, ids: number[]): boolean {
  const left = scanner.passString() ? written.idOf(scanner.found()) : -1;
  if (left < 0 || !scanner.take(comma)) return false;
  const right = scanner.passString() ? written.idOf(scanner.found()) : -1;
  ids.push(left, right);
  return right >= 0 && scanner.take(bracketClose);
}

/** Two tokens as one text with a space between them, as old files write them. @returns false for anything else */
function readOldPair(scanner: Scanner, written: WrittenTokens, ids: number[]): boolean {
  const space = scanner.passString() ? scanner.onlySpace() : undefined;
  if (space === undefined) return false;
  const { start, end } = scanner.found();
  const left = written.idOf(scanner.placeOf(start, space));
  const right = written.idOf(scanner.placeOf(space + 1, end));
  ids.push(left, right);
  return left >= 0 && right >= 0;
}

const [comma, colon, quote, backslash] = [0x2c, 0x3a, 0x22, 0x5c];
const [bracketOpen, bracketClose, braceClose] = [0x5b, 0x5d, 0x7d];

/** Reads JSON from left to right. */
class Scanner {
  at = 0;
  readonly #text: string;
  readonly #found = { start: 0, end: 0, hash: 0 };
  #hasEscape = false;

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
    if (!this.passString()) return undefined;
    const { start, end } = this.#found;
    return this.#hasEscape ? this.#unescaped(start, end) : this.#text.slice(start, end);
  }

  /** Goes behind a string. `found` says where it is. */
  passString(): boolean {
    if (!this.take(quote)) return false;
    const text = this.#text;
    const start = this.at;
    let [at, hash] = [start, 0];
    this.#hasEscape = false;
    for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(at)) {
      if (Number.isNaN(code)) return false;
      hash = hashed(hash, code);
      at++;
      if (code !== backslash) continue;
      this.#hasEscape = true;
      hash = hashed(hash, text.charCodeAt(at));
      at++;
    }
    this.at = at + 1;
    this.#found.start = start;
    this.#found.end = at;
    this.#found.hash = mixed(hash);
    return true;
  }

  /** The last string. The next one overwrites it. */
  found(): WrittenToken {
    return this.#found;
  }

  /** Where the last string has a space between two parts; undefined if it has none or more. */
  onlySpace(): number | undefined {
    const { start, end } = this.#found;
    const space = this.#text.indexOf(' ', start + 1);
    if (space < 0 || space >= end) return undefined;
    const second = this.#text.indexOf(' ', space + 1);
    return second < 0 || second >= end ? space : undefined;
  }

  placeOf(start: number, end: number): WrittenToken {
    let hash = 0;
    for (let at = start; at < end; at++) hash = hashed(hash, this.#text.charCodeAt(at));
    return { start, end, hash: mixed(hash) };
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

  #unescaped(start: number, end: number): string | undefined {
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
