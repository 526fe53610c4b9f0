import { finishNow, type Steps } from '../../core/index.ts';
import { after } from '../text/aligned-text.ts';
import { byteToken } from './byte-pairs.ts';
import { PairTable } from './pair-table.ts';
import { PieceCache, type LocatedIds, type TokenModel, type Vocabulary } from './token-model.ts';

/** What an unknown character costs below the rarest token. */
const unknownPenalty = 10;

/**
 * The segmentation of highest probability, where each token has a logarithmic probability of its own: Viterbi's algorithm over a trie of the
 * tokens.
 *
 * @see Kudo 2018, "Subword Regularization", section 3.2
 */
export class Unigram implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #scores: Float64Array;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #trie: TokenTrie;
  readonly #cache = new PieceCache();

  /** @param entries  the tokens with their scores; the place of an entry is its id. @throws RangeError */
  constructor(
    entries: readonly (readonly [string, number])[],
    vocabulary: Vocabulary,
    settings: { readonly unk_id?: number | null | undefined; readonly byte_fallback?: boolean | null | undefined },
  ) {
    const { unk_id: unknown, byte_fallback: fallback } = settings;
    if (typeof unknown === 'number' && unknown >= entries.length) {
      throw new RangeError(`its unk_id is ${unknown}, but its vocab has ${entries.length} entries`);
    }
    this.#vocabulary = vocabulary;
    this.#unknown = unknown ?? undefined;
    this.#scores = Float64Array.from(entries, ([, score]) => score);
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) - unknownPenalty;
    this.#trie = new TokenTrie(entries.map(([token]) => token));
    this.#bytes =
      fallback === true ? Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte))) : undefined;
  }

  parts(piece: string): readonly string[] {
    return [piece];
  }

  tokenize(piece: string, ids: number[]): void {
    const known = this.#cache.get(piece);
    const found: number[] = [];
    if (known === undefined) {
      finishNow(this.tokenizeSteps(piece, found));
      this.#cache.set(piece, found);
    }
    for (const id of known ?? found) ids.push(id);
  }

  *tokenizeSteps(piece: string, ids: number[]): Steps<void> {
    let start = 0;
    for (const end of yield* this.#ends(piece)) {
      for (const id of this.#idsOf(piece.slice(start, end))) ids.push(id);
      start = end;
      if (ids.length % charactersPerStep === 0) yield;
    }
  }

  *locate(piece: string, { ids, spans }: LocatedIds): Steps<void> {
    let [start, byte] = [0, 0];
    for (const end of yield* this.#ends(piece)) {
      const part = piece.slice(start, end);
      const size = Buffer.byteLength(part);
      for (const id of this.#idsOf(part)) {
        ids.push(id);
        spans.push(byte, byte + size);
      }
      [start, byte] = [end, byte + size];
      if (ids.length % charactersPerStep === 0) yield;
    }
  }

  /** Where the parts of the best path end. Unknown characters beside each other are one part. */
  *#ends(piece: string): Steps<number[]> {
    const path = yield* this.#bestPath(piece);
    const ends: number[] = [];
    let wasUnknown = false;
    let count = 0;
    for (let end = piece.length; end > 0; end = path.starts[end] ?? 0) {
      const isUnknown = path.ids[end] === this.#unknown;
      if (!(isUnknown && wasUnknown)) ends.push(end);
      wasUnknown = isUnknown;
      if (++count % charactersPerStep === 0) yield;
    }
    return ends.reverse();
  }

  /** For each place: where the last token of the best path to it starts, and its id. */
  *#bestPath(piece: string): Steps<{ starts: Int32Array; ids: Int32Array }> {
    const { length } = piece;
    const scores = new Float64Array(length + 1);
    const starts = new Int32Array(length + 1).fill(-1);
    const ids = new Int32Array(length + 1);
    const offer = (start: number, end: number, id: number, score: number): void => {
      const total = score + (scores[start] ?? 0);
      if (starts[end] !== -1 && total <= (scores[end] ?? 0)) return;
      [scores[end], starts[end], ids[end]] = [total, start, id];
    };
    let count = 0;
    for (let start = 0; start < length;) {
      const next = after(piece, start);
      let isKnown = false;
      let node = 0;
      for (let at = start; at < length; at++) {
        node = this.#trie.child(node, piece.charCodeAt(at));
        if (node < 0) break;
        if (++count % charactersPerStep === 0) yield;
        const id = this.#trie.tokenAt(node);
        if (id < 0) continue;
        isKnown ||= at + 1 === next;
        offer(start, at + 1, id, this.#scores[id] ?? 0);
      }
      if (++count % charactersPerStep === 0) yield;
      if (!isKnown) {
        if (this.#unknown === undefined)
          throw new RangeError('the text has an unknown part, and the model has no unk_id');
        offer(start, next, this.#unknown, this.#unknownScore);
      }
      start = next;
    }
    return { starts, ids };
  }

  #idsOf(part: string): number[] {
    const id = this.#vocabulary.get(part);
    if (id !== undefined) return [id];
    if (this.#bytes !== undefined) {
      const ids: (number | undefined)[] = Array.from(utf8.encode(part), (byte) => this.#bytes?.[byte]);
      if (ids.every((byte) => byte !== undefined)) return ids;
    }
    return [this.#unknown ?? 0];
  }
}

/** Some hundred microseconds of work. */
const charactersPerStep = 1024;

const utf8 = new TextEncoder();

/** The beginnings of tokens, unit by unit of UTF-16. The root is node 0. */
class TokenTrie {
  readonly #children: PairTable;
  readonly #tokens: number[] = [-1];

  constructor(tokens: readonly string[]) {
    this.#children = new PairTable(tokens.length * 3);
    for (const [id, token] of tokens.entries()) {
      if (token !== '') this.#add(token, id);
    }
  }

  child(node: number, unit: number): number {
    const place = this.#children.find(node, unit);
    return place < 0 ? -1 : this.#children.value(place);
  }

  tokenAt(node: number): number {
    return this.#tokens[node] ?? -1;
  }

  #add(token: string, id: number): void {
    let node = 0;
    for (let at = 0; at < token.length; at++) {
      let child = this.child(node, token.charCodeAt(at));
      if (child < 0) {
        child = this.#tokens.push(-1) - 1;
        this.#children.set(node, token.charCodeAt(at), child, 0);
      }
      node = child;
    }
    this.#tokens[node] = id;
  }
}
