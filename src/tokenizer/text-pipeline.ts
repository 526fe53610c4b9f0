import type { Steps } from '../core/index.ts';
import { AddedTokenSplitter, readAddedTokens, type AddedToken, type Section } from './added-tokens.ts';
import type { Cut } from './encode-ranges.ts';
import { readModel } from './model/read-model.ts';
import type { TokenModel } from './model/token-model.ts';
import type { JsonObject } from './tokenizer-files.ts';
import { readNormalizer, type Normalizer } from './text/normalizer.ts';
import { readPreTokenizer, type PreTokenizer } from './text/pre-tokenizer.ts';

/** A text as token ids, and where its added tokens are. */
export interface EncodedText {
  readonly ids: number[];
  readonly cuts: Cut[];
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
  readonly #preTokenize: PreTokenizer;
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
    this.#preTokenize = readPreTokenizer(tokenizer['pre_tokenizer']) ?? ((pieces) => pieces);
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

  /** Cuts a text at the added tokens that are found in it as it is. */
  split(text: string): Section[] {
    return this.#cutter.split(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
  }

  *#encodeSection(text: string, isFirst: boolean, ids: number[]): Steps<void> {
    const normalized = this.#normalizer?.normalize(text) ?? text;
    const begins = isFirst && this.#normalizer?.losesStart(text) !== true;
    let count = 0;
    for (const { text: part, start, token } of this.#normalizedCutter.split(normalized)) {
      if (token !== undefined) {
        ids.push(token.id);
        continue;
      }
      for (const piece of this.#preTokenize([{ text: part, isFirst: begins && start === 0 }])) {
        for (const word of this.#model.parts(piece.text)) {
          this.#model.tokenize(word, ids);
          if (++count % partsPerStep === 0) yield;
        }
      }
    }
  }
}

/** Some ten microseconds of work. */
const partsPerStep = 32;
