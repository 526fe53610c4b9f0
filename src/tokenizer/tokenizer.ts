import { join } from 'node:path';

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';

import { EspalierError } from '../core/index.ts';
import { findChatTemplate, type ChatMessage, type ChatTemplate } from './chat-template.ts';
import { readDecodeRules, type DecodeRules } from './decode-rules.ts';
import { AddedTokenFinder, type AddedToken } from './added-token-finder.ts';
import { encodeForEncoder, type EncodeWhole, type EncoderInput, type EncoderInputOptions } from './encoder-input.ts';
import { encodeRanges, type EncodedRanges, type Range } from './encode-ranges.ts';
import { findSpecialTokens, tokenText, type SpecialTokens } from './special-tokens.ts';
import {
  createHoldingDecoder,
  createStreamDecoder,
  pieceBytes,
  type StreamDecoder,
  type TokenPiece,
} from './stream-decoder.ts';
import { vocabularyProblem } from './check-vocabulary.ts';
import { isJsonObject, type JsonObject, type TokenizerFiles } from './tokenizer-files.ts';

export type { ChatMessage, TextPart, ToolCall } from './chat-template.ts';

export interface EncodeOptions {
  /** Adds bos before the text, if the tokenizer has one and the text does not begin with it. */
  readonly bos?: boolean;
  /** Adds eos after the text, if the tokenizer has one and the text does not end with it. */
  readonly eos?: boolean;
}

export interface DecodeOptions {
  /** Omits special tokens from the text. Default: true. */
  readonly skipSpecial?: boolean;
}

export interface StreamDecoderOptions extends DecodeOptions {
  /** Tokens before these. Their text is not returned, but because of them the text keeps its leading space. */
  readonly after?: readonly number[];
}

export interface ChatOptions {
  /** Adds the beginning of the assistant's answer at the end. */
  readonly addGenerationPrompt: boolean;
  /** What the assistant may call. The template writes it into the prompt. */
  readonly tools?: readonly object[] | undefined;
}

/** Converts text to token ids and back, for one model. */
export interface Tokenizer {
  /** Returns the ids of a text. Special tokens in the text become their ids. No token is added unless an option requests it. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Returns the ids of a text or a pair of texts for an encoder, including the tokens that the tokenizer adds around them. */
  encodeForEncoder(text: string, options?: EncoderInputOptions): EncoderInput;
  /** Returns the text of ids. Spaces stay as the model wrote them. Ids outside the vocabulary have no text. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Returns a decoder for tokens that arrive one by one. Its pieces together are exactly `decode` of all tokens. */
  createStreamDecoder(options?: StreamDecoderOptions): StreamDecoder;
  /**
   * Returns the UTF-8 bytes that a token represents by itself. A special token gives its written form. A token may contain a part of a
   * character.
   * @returns undefined for an id outside the vocabulary
   */
  tokenBytes(id: number): Uint8Array | undefined;
  /** @throws EspalierError CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_FAILED */
  renderChat(messages: readonly ChatMessage[], options: ChatOptions): string;
  /** Returns the ids of the rendered messages. The template decides about bos and eos. If bos comes twice, one is removed. */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions): number[];
  /**
   * Returns the ids of a text that `renderChat` gave, which are those of `encodeChat`, and the ranges of ids that ranges of the text
   * became. A token across the border of a range is part of the range.
   * @param ranges  in UTF-16 units
   */
  encodeRendered(text: string, ranges: readonly Range[]): EncodedRanges;
  readonly hasChatTemplate: boolean;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Every id that ends a generation. */
  readonly eosIds: readonly number[];
  /** One more than the largest id. */
  readonly vocabSize: number;
}

/** WHY 16: only the tokens of an unfinished character matter, and a character has at most four bytes. */
const tailLength = 16;

/**
 * Makes a tokenizer of parsed files.
 * @throws EspalierError TOKENIZER_INVALID
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  return new FileTokenizer(files);
}

class FileTokenizer implements Tokenizer {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly eosIds: readonly number[];
  readonly vocabSize: number;
  readonly #folder: string;
  readonly #inner: HuggingFaceTokenizer;
  readonly #template: ChatTemplate | undefined;
  readonly #special: SpecialTokens;
  readonly #rules: DecodeRules | undefined;
  readonly #addedIds: ReadonlyMap<number, AddedToken & { readonly special: boolean; readonly normalized: boolean }>;
  readonly #hasNormalizer: boolean;
  #added: AddedTokenFinder | undefined;

  constructor(files: TokenizerFiles) {
    this.#folder = files.folder;
    this.#inner = createInner(files);
    this.#rules = hasSuffix(files.tokenizer) ? undefined : readDecodeRules(files.tokenizer['decoder']);
    this.#addedIds = this.#inner.get_added_tokens_decoder();
    this.#hasNormalizer = isJsonObject(files.tokenizer['normalizer']);
    this.#special = findSpecialTokens(files, {
      idOf: (token) => this.#inner.token_to_id(token),
      tokenOf: (id) => this.#inner.id_to_token(id),
    });
    this.#template = findChatTemplate(files, this.#special.texts);
    this.bosId = this.#special.bosId;
    this.eosId = this.#special.eosId;
    this.eosIds = this.#special.eosIds;
    let largest = -1;
    for (const id of this.#inner.get_vocab().values()) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
  }

  encode(text: string, { bos = false, eos = false }: EncodeOptions = {}): number[] {
    const ids = text === '' ? [] : this.#inner.encode(text, { add_special_tokens: false }).ids;
    const endsItself = ids.length > 0 && ids.at(-1) === this.eosId;
    if (bos && this.bosId !== undefined && ids[0] !== this.bosId) ids.unshift(this.bosId);
    if (eos && this.eosId !== undefined && !endsItself) ids.push(this.eosId);
    return ids;
  }

  encodeForEncoder(text: string, options: EncoderInputOptions = {}): EncoderInput {
    const encode: EncodeWhole = (words, { pair, special }) => {
      const { ids, token_type_ids: typeIds } = this.#inner.encode(words, {
        text_pair: pair ?? null,
        add_special_tokens: special,
        return_token_type_ids: true,
      });
      return { ids, typeIds };
    };
    return encodeForEncoder(encode, text, options);
  }

  decode(ids: readonly number[], { skipSpecial = true }: DecodeOptions = {}): string {
    const known = ids.filter((id) => this.#pieceOf(id, skipSpecial) !== undefined);
    if (known.length === 0) return '';
    // WHY there is no clean-up of spaces: it is meant for word pieces, and it changes the text of the model.
    return this.#inner.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  createStreamDecoder({ skipSpecial = true, after = [] }: StreamDecoderOptions = {}): StreamDecoder {
    const rules = this.#rules;
    if (rules === undefined) return this.#createHoldingDecoder(after, skipSpecial);
    const pieceOf = (id: number): TokenPiece | undefined => this.#pieceOf(id, skipSpecial);
    const started = after.slice(0, -tailLength).some((id) => pieceOf(id) !== undefined);
    const decoder = createStreamDecoder(rules, pieceOf, { started });
    for (const id of after.slice(-tailLength)) decoder.push(id);
    return decoder;
  }

  tokenBytes(id: number): Uint8Array | undefined {
    const piece = this.#pieceOf(id, false);
    if (piece === undefined) return undefined;
    const rules = this.#rules;
    return rules === undefined
      ? new TextEncoder().encode(this.decode([id], { skipSpecial: false }))
      : pieceBytes(piece, rules);
  }

  renderChat(messages: readonly ChatMessage[], options: ChatOptions): string {
    if (this.#template === undefined) throw new EspalierError('CHAT_TEMPLATE_MISSING', { path: this.#folder });
    return this.#template.render(messages, options);
  }

  encodeChat(messages: readonly ChatMessage[], options: ChatOptions): number[] {
    return this.#withOneBos(this.encode(this.renderChat(messages, options)));
  }

  encodeRendered(text: string, ranges: readonly Range[]): EncodedRanges {
    this.#added ??= new AddedTokenFinder(this.#tokensCutOut());
    return encodeRanges(text, ranges, {
      encode: (part) => this.encode(part),
      tidy: (ids) => this.#withOneBos(ids),
      added: this.#added,
    });
  }

  #withOneBos(ids: number[]): number[] {
    return ids[0] !== undefined && ids[0] === this.bosId && ids[1] === this.bosId ? ids.slice(1) : ids;
  }

  /** The added tokens that are found in a text as it is. The others are found in what the normalizer makes of it. */
  #tokensCutOut(): AddedToken[] {
    return [...this.#addedIds.values()].filter(({ normalized }) => !normalized || !this.#hasNormalizer);
  }

  #createHoldingDecoder(after: readonly number[], skipSpecial: boolean): StreamDecoder {
    const before = this.decode(after, { skipSpecial });
    return createHoldingDecoder((ids) => this.decode([...after, ...ids], { skipSpecial }).slice(before.length));
  }

  #pieceOf(id: number, skipSpecial: boolean): TokenPiece | undefined {
    const text = this.#inner.id_to_token(id);
    const added = this.#addedIds.get(id);
    return text === undefined || (skipSpecial && added?.special === true)
      ? undefined
      : { text, added: added !== undefined };
  }
}

function createInner({ folder, tokenizer, tokenizerConfig }: TokenizerFiles): HuggingFaceTokenizer {
  const path = join(folder, 'tokenizer.json');
  const wrong = vocabularyProblem(tokenizer);
  if (wrong !== undefined) throw new EspalierError('TOKENIZER_INVALID', { path, problem: wrong });
  const { added_tokens: addedTokens } = tokenizer;
  const parts = { decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null };
  try {
    return new HuggingFaceTokenizer(
      { ...parts, ...tokenizer, added_tokens: addedTokens ?? [] },
      plainConfig(tokenizerConfig),
    );
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('TOKENIZER_INVALID', { path, problem }, { cause });
  }
}

/** Tokens written as objects become plain strings, which is all that the library takes. */
function plainConfig(config: JsonObject = {}): JsonObject {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, key.endsWith('_token') ? (tokenText(value) ?? value) : value]),
  );
}

function hasSuffix(tokenizer: JsonObject): boolean {
  const { model } = tokenizer;
  return isJsonObject(model) && typeof model['end_of_word_suffix'] === 'string' && model['end_of_word_suffix'] !== '';
}
