import { finishNow, type Steps } from '../../core/index.ts';
import { MergeIds } from '../parse-tokenizer-json.ts';
import { maxMerges, mergeSteps } from './merge-queue.ts';
import { PairTable } from './pair-table.ts';
import { PieceCache, unknownId, type LocatedIds, type TokenModel, type Vocabulary } from './token-model.ts';

/** The settings of a `BPE` model in `tokenizer.json`, besides its vocabulary and merges. */
export interface BytePairSettings {
  readonly unk_token?: string | null | undefined;
  readonly continuing_subword_prefix?: string | null | undefined;
  readonly end_of_word_suffix?: string | null | undefined;
  readonly fuse_unk?: boolean | null | undefined;
  readonly byte_fallback?: boolean | null | undefined;
  readonly ignore_merges?: boolean | null | undefined;
}

/** The tokens of a `BPE` model and the pairs that become one, the first of them first. */
export interface BytePairTokens {
  readonly vocabulary: Vocabulary;
  /** The tokens by id. */
  readonly tokens: readonly string[];
  readonly merges: readonly unknown[] | MergeIds;
}

/** Ids with the bytes of UTF-8 that each of them takes. */
interface MeasuredIds {
  readonly ids: readonly number[];
  readonly lengths: readonly number[];
}

/** Some hundred microseconds of work. */
const charactersPerStep = 1024;

/** Writes a space as sentencepiece does. */
const spaceMark = '\u2581';

/** Byte-pair encoding: the characters of a piece are merged by rank. */
export class BytePairs implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #merges: PairTable;
  readonly #settings: BytePairSettings;
  readonly #bytes: readonly (number | undefined)[];
  /** The last characters of tokens that merges join with a space after them; undefined where a text cannot be cut at spaces at all. */
  readonly #joinedToSpace: ReadonlySet<string> | undefined;
  readonly #cache = new PieceCache();
  readonly #located = new PieceCache<MeasuredIds>();

  /** @throws RangeError if a merge names a token that is not in the vocabulary */
  constructor(given: BytePairTokens, settings: BytePairSettings) {
    const { vocabulary } = given;
    this.#vocabulary = vocabulary;
    this.#settings = settings;
    this.#bytes = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)));
    const { table, joinedToSpace } = readMerges(given, settings.continuing_subword_prefix ?? '');
    this.#merges = table;
    // WHY not with ignore_merges: a word by itself may be a token that merges do not make.
    const isPlain =
      !settings.continuing_subword_prefix && !settings.end_of_word_suffix && settings.ignore_merges !== true;
    this.#joinedToSpace = isPlain && vocabulary.has(spaceMark) ? joinedToSpace : undefined;
  }

  /**
   * WHY words: a sentencepiece text is one piece. Where no merge joins a character with a space after it, what is before the space and what
   * begins with it can be merged by themselves, and words repeat.
   */
  *parts(piece: string): Generator<string> {
    let start = 0;
    const joined = this.#joinedToSpace;
    if (joined !== undefined) {
      for (let at = piece.indexOf(spaceMark, 1); at > 0; at = piece.indexOf(spaceMark, at + 1)) {
        if (joined.has(piece.charAt(at - 1))) continue;
        yield piece.slice(start, at);
        start = at;
      }
    }
    yield start === 0 ? piece : piece.slice(start);
  }

  tokenize(part: string, ids: number[]): void {
    const whole = this.#whole(part);
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    const known = this.#cache.get(part);
    if (known !== undefined) {
      for (const id of known) ids.push(id);
      return;
    }
    const merged: number[] = [];
    finishNow(this.#merge(part, { ids: merged }));
    this.#cache.set(part, merged);
    for (const id of merged) ids.push(id);
  }

  *tokenizeSteps(part: string, ids: number[]): Steps<void> {
    const whole = this.#whole(part);
    if (whole === undefined) yield* this.#merge(part, { ids });
    else ids.push(whole);
  }

  /** WHY places go on from part to part: a character without a token has no length, and what follows it moves, as in the Rust library. */
  *locate(piece: string, found: LocatedIds): Steps<void> {
    let at = 0;
    for (const part of this.parts(piece)) {
      const { ids, lengths } = this.#located.get(part) ?? (yield* this.#locatePart(part));
      for (const [i, id] of ids.entries()) {
        const end = at + (lengths[i] ?? 0);
        found.ids.push(id);
        found.spans.push(at, end);
        at = end;
        if (found.ids.length % charactersPerStep === 0) yield;
      }
    }
  }

  *#locatePart(part: string): Steps<MeasuredIds> {
    const whole = this.#whole(part);
    const ids = whole === undefined ? [] : [whole];
    const lengths = whole === undefined ? [] : [Buffer.byteLength(part)];
    if (whole === undefined) yield* this.#merge(part, { ids, lengths });
    const measured = { ids, lengths };
    this.#located.set(part, measured);
    return measured;
  }

  *#merge(part: string, { ids, lengths }: { ids: number[]; lengths?: number[] }): Steps<void> {
    if (lengths === undefined) return yield* mergeSteps(yield* this.#symbols(part), this.#merges, { ids });
    const sizes: number[] = [];
    const places: number[] = [];
    yield* mergeSteps(yield* this.#symbols(part, sizes), this.#merges, { ids, places });
    for (const [i, place] of places.entries()) {
      let length = 0;
      for (let at = place; at < (places[i + 1] ?? sizes.length); at++) length += sizes[at] ?? 0;
      lengths.push(length);
      if (i % charactersPerStep === 0) yield;
    }
  }

  /** The token that a piece is without any merge, where the model has such. */
  #whole(piece: string): number | undefined {
    return this.#settings.ignore_merges === true ? this.#vocabulary.get(piece) : undefined;
  }

  /**
   * The ids of the characters: a token for it, or tokens for its bytes, or the unknown token, or nothing.
   *
   * @param sizes  gets the bytes of UTF-8 of each
   */
  *#symbols(word: string, sizes?: number[]): Steps<number[]> {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, unk_token: unknown } = this.#settings;
    const symbols: number[] = [];
    let pending: number | undefined;
    let pendingSize = 0;
    let count = 0;
    for (let at = 0; at < word.length;) {
      if (++count % charactersPerStep === 0) yield;
      const end = at + (word.charCodeAt(at) >= 0xd800 && word.charCodeAt(at) < 0xdc00 ? 2 : 1);
      let character = word.slice(at, end);
      const size = sizes === undefined ? 0 : Buffer.byteLength(character);
      if (prefix && at > 0) character = prefix + character;
      if (suffix && end >= word.length) character += suffix;
      at = end;
      const id = this.#vocabulary.get(character);
      if (id !== undefined) {
        if (pending !== undefined) {
          symbols.push(pending);
          sizes?.push(pendingSize);
        }
        pending = undefined;
        symbols.push(id);
        sizes?.push(size);
        continue;
      }
      const bytes = this.#settings.byte_fallback === true ? this.#byteIds(character) : undefined;
      if (bytes !== undefined) {
        symbols.push(...bytes);
        sizes?.push(...bytes.map(() => 1));
      } else if (typeof unknown === 'string') {
        // WHY it waits: unknown characters beside each other may become one token, and bytes come before it, as in the Rust library.
        const isFused = pending !== undefined && this.#settings.fuse_unk === true;
        if (pending !== undefined && !isFused) {
          symbols.push(pending);
          sizes?.push(pendingSize);
        }
        pendingSize = isFused ? pendingSize + size : size;
        pending = unknownId(this.#vocabulary, unknown);
      }
    }
    if (pending !== undefined) {
      symbols.push(pending);
      sizes?.push(pendingSize);
    }
    return symbols;
  }

  #byteIds(character: string): number[] | undefined {
    const ids: number[] = [];
    for (const byte of utf8.encode(character)) {
      const id = this.#bytes[byte];
      if (id === undefined) return undefined;
      ids.push(id);
    }
    return ids;
  }
}

const utf8 = new TextEncoder();

export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function readMerges(
  { vocabulary, tokens, merges }: BytePairTokens,
  prefix: string,
): { table: PairTable; joinedToSpace: Set<string> } {
  const count = merges instanceof MergeIds ? merges.ids.length / 2 : merges.length;
  if (count > maxMerges) throw new RangeError(`it has ${count} merges, and at most ${maxMerges} are read`);
  const table = new PairTable(count);
  const joinedToSpace = new Set<string>();
  let result = 0;
  for (let rank = 0; rank < count; rank++) {
    const [leftId, rightId] = idsOf({ vocabulary, tokens, merges }, rank);
    const [left, right] = [tokens[leftId] ?? '', tokens[rightId] ?? ''];
    if (!right.startsWith(prefix))
      throw new RangeError(
        `its merge ${rank} continues with ${JSON.stringify(right)}, which does not begin with ${JSON.stringify(prefix)}`,
      );
    const rest = prefix === '' ? right : right.slice(prefix.length);
    // WHY a guess: merges mostly come in the order of their tokens, and to look at the next tokens is faster than to look up the text.
    if (!isMerged(tokens[result], left, rest)) result++;
    if (!isMerged(tokens[result], left, rest)) result = idOf(left + rest, vocabulary);
    table.set(leftId, rightId, rank, result);
    if (right.startsWith(spaceMark)) joinedToSpace.add(left.charAt(left.length - 1));
  }
  return { table, joinedToSpace };
}

function isMerged(token: string | undefined, left: string, right: string): boolean {
  return token?.length === left.length + right.length && token.startsWith(left) && token.endsWith(right);
}

function idOf(token: string, vocabulary: Vocabulary): number {
  const id = vocabulary.get(token);
  if (id === undefined) throw new RangeError(`its merges name ${JSON.stringify(token)}, which is not in its vocab`);
  return id;
}

function idsOf({ merges, vocabulary }: BytePairTokens, rank: number): readonly [number, number] {
  if (merges instanceof MergeIds) return [merges.ids[2 * rank] ?? 0, merges.ids[2 * rank + 1] ?? 0];
  const [left, right] = readMerge(merges[rank], rank);
  return [idOf(left, vocabulary), idOf(right, vocabulary)];
}

/** A merge has two texts. In old files it is one text with a space between them. */
function readMerge(merge: unknown, rank: number): readonly [string, string] {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ', 1);
    if (space > 0 && !merge.includes(' ', space + 1)) return [merge.slice(0, space), merge.slice(space + 1)];
  } else if (Array.isArray(merge) && merge.length === 2) {
    const [left, right]: unknown[] = merge;
    if (typeof left === 'string' && typeof right === 'string') return [left, right];
  }
  throw new RangeError(`its merge ${rank} is ${JSON.stringify(merge)?.slice(0, 60)}, expected two texts`);
}
