import type { Range } from './range.ts';
import type { Steps } from '../core/index.ts';
import { AddedTokenSplitter, readAddedTokens, type AddedToken, type Section } from './added-tokens.ts';
import type { Cut } from './encode-ranges.ts';
import { readModel } from './model/read-model.ts';
import type { LocatedIds, TokenModel } from './model/token-model.ts';
import { after, AlignedText } from './text/aligned-text.ts';
import type { JsonObject } from './tokenizer-files.ts';
import { readNormalizer } from './text/normalizer.ts';
import type { Normalized, Normalizer } from './text/normalizing.ts';
import { readPreTokenizer, wholeText, type PreTokenizer } from './text/pre-tokenizer.ts';

/** A text as token ids, and where its added tokens are. */
export interface EncodedText {
  readonly ids: number[];
  readonly cuts: Cut[];
}

/** A text as token ids, and where each token is. */
export interface LocatedText {
  readonly ids: number[];
  /** In UTF-16 units of the text. */
  readonly ranges: Range[];
  /** Each token as the vocabulary writes it; an added token as it is in the text. */
  readonly written: string[];
}

/**
 * From a text to token ids, as a `tokenizer.json` says: added tokens are cut out, what lies between them is normalized and split into pieces,
 * and the model tokenizes each piece. Truncation and padding of the file are not applied, because callers decide about lengths.
 */
export class TextPipeline {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly added: readonly AddedToken[];
  /** The tokens of the model by id. */
  readonly tokens: readonly string[];
  readonly #model: TokenModel;
  readonly #normalizer: Normalizer | undefined;
  readonly #preTokenizer: PreTokenizer;
  readonly #cutter: AddedTokenSplitter;
  readonly #normalizedCutter: AddedTokenSplitter;

  /** @throws RangeError */
  constructor(tokenizer: JsonObject) {
    const { model, vocabulary, tokens, size } = readModel(tokenizer['model']);
    const normalizer = readNormalizer(tokenizer['normalizer']);
    this.#model = model;
    this.vocabulary = vocabulary;
    this.tokens = tokens;
    this.#normalizer = normalizer;
    this.#preTokenizer = readPreTokenizer(tokenizer['pre_tokenizer']) ?? wholeText;
    this.added = readAddedTokens(tokenizer['added_tokens'], {
      vocabulary,
      size,
      normalize: normalizer?.normalize,
    });
    this.#cutter = new AddedTokenSplitter(this.added.filter(({ normalized }) => !normalized));
    this.#normalizedCutter = new AddedTokenSplitter(this.added.filter(({ normalized }) => normalized));
  }

  /**
   * Encodes a text. A surrogate without its partner counts as U+FFFD, because the Rust library knows no such texts.
   *
   * @throws RangeError if the text has an unknown part, and the model has no token for that
   */
  *encode(text: string): Steps<EncodedText> {
    const ids: number[] = [];
    const cuts: Cut[] = [];
    for (const { text: part, start, token } of this.split(text)) {
      if (token === undefined) {
        yield* this.#encodeSection(part, start === 0, ids);
        continue;
      }
      cuts.push({ start, end: start + part.length, index: ids.length });
      ids.push(token.id);
    }
    return { ids, cuts };
  }

  /**
   * The same, with the place of each token in the text.
   *
   * @throws RangeError
   */
  *locate(text: string): Steps<LocatedText> {
    const located: LocatedText = { ids: [], ranges: [], written: [] };
    for (const { text: part, start, token } of this.split(text)) {
      if (token === undefined) yield* this.#locateSection(AlignedText.of(part, start), start === 0, located);
      else add(located, { id: token.id, range: { start, end: start + part.length }, written: part });
    }
    return located;
  }

  /** Cuts a text at the added tokens that are found in it as it is. */
  split(text: string): Section[] {
    return this.#cutter.split(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
  }

  *#encodeSection(text: string, isFirst: boolean, ids: number[]): Steps<void> {
    const { text: normalized, losesStart } = yield* this.#normalized(text, isFirst);
    const begins = isFirst && !losesStart;
    let count = 0;
    for (const { text: part, start, token } of this.#normalizedCutter.split(normalized)) {
      if (token !== undefined) {
        ids.push(token.id);
        continue;
      }
      for (const piece of this.#preTokenizer.split([{ text: part, isFirst: begins && start === 0 }])) {
        for (const word of this.#model.parts(piece.text)) {
          if (word.length > longWord) yield* this.#model.tokenizeSteps(word, ids);
          else this.#model.tokenize(word, ids);
          if (++count % partsPerStep === 0) yield;
        }
      }
    }
  }

  *#normalized(text: string, isFirst: boolean): Steps<Normalized> {
    if (this.#normalizer === undefined) return { text, losesStart: false };
    const { normalize, normalizeSteps, losesStart } = this.#normalizer;
    if (text.length > longText) return yield* normalizeSteps(text);
    return { text: normalize(text), losesStart: isFirst && losesStart(text) };
  }

  *#locateSection(text: AlignedText, isFirst: boolean, located: LocatedText): Steps<void> {
    const normalized = this.#normalizer?.align(text) ?? text;
    const begins = isFirst && this.#normalizer?.losesStart(text.text) !== true;
    let count = 0;
    for (const { text: part, start, token } of this.#normalizedCutter.split(normalized.text)) {
      const section = normalized.slice(start, start + part.length);
      if (token !== undefined) {
        add(located, { id: token.id, range: section.range(0, part.length), written: part });
        continue;
      }
      const pieces = this.#preTokenizer.splitAligned([{ text: section, isFirst: begins && start === 0 }]);
      for (const piece of pieces) {
        const found: LocatedIds = { ids: [], spans: [] };
        yield* this.#model.locate(piece.text.text, found);
        for (const [i, range] of rangesOf(piece.text, found.spans).entries()) {
          const id = found.ids[i] ?? 0;
          add(located, { id, range, written: this.tokens[id] ?? '' });
        }
        if (++count % partsPerStep === 0) yield;
      }
    }
  }
}

function add(located: LocatedText, token: { id: number; range: Range; written: string }): void {
  located.ids.push(token.id);
  located.ranges.push(token.range);
  located.written.push(token.written);
}

/** What parts of a piece come from. @param spans  the start and the end of each in bytes of UTF-8; no part is empty */
function rangesOf(piece: AlignedText, spans: readonly number[]): Range[] {
  const { text } = piece;
  const ranges: Range[] = [];
  let [at, byte] = [0, 0];
  /** Goes to the character with a byte. */
  const seek = (wanted: number): number => {
    if (wanted < byte) [at, byte] = [0, 0];
    for (let next = after(text, at); next < text.length; next = after(text, at)) {
      const size = byteLength(text, at);
      if (byte + size > wanted) break;
      [at, byte] = [next, byte + size];
    }
    return at;
  };
  for (let i = 0; i < spans.length; i += 2) {
    const start = seek(spans[i] ?? 0);
    ranges.push(piece.range(start, seek((spans[i + 1] ?? 0) - 1) + 1));
  }
  return ranges;
}

/** The bytes of UTF-8 of a character. */
function byteLength(text: string, at: number): number {
  const code = text.codePointAt(at) ?? 0;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Some ten microseconds of work. */
const partsPerStep = 32;
/** In UTF-16 units; a longer word takes longer than a step should. */
const longWord = 1024;
const longText = 10_000;
