import { join } from 'node:path';

import { EspalierError, finishInSlices, finishNow, messageOf } from '../core/index.ts';
import {
  findChatTemplate,
  templatesOf,
  type ChatMessage,
  type ChatTemplate,
  type RenderedChat,
} from './chat-template.ts';
import { readDecoder, type Decoding } from './decoding/read-decoder.ts';
import { encodeForEncoder, type EncodeWhole, type EncoderInput, type EncoderInputOptions } from './encoder-input.ts';
import { encodeRanges, type EncodedRanges } from './encode-ranges.ts';
import {
  fillTemplate,
  readTemplate,
  readTrimmings,
  tokensBefore,
  type Template,
  type TextTokens,
} from './post-processor.ts';
import type { Range } from './range.ts';
import { findSpecialTokens, type SpecialTokens } from './special-tokens.ts';
import { createStreamDecoder, TokenDecoder, type StreamDecoder } from './stream-decoder.ts';
import { TextPipeline, type EncodedText } from './text-pipeline.ts';
import { TokenTable } from './token-table.ts';
import { DecodedVocabulary, type TokenVocabulary } from './token-vocabulary.ts';
import { trimRanges, type Trimming } from './trim-ranges.ts';
import type { TemplateFiles, TokenizerFiles } from './tokenizer-files.ts';
import { findTurnEnd, findTurnMark, type TurnEnd } from './turn-end.ts';

export type { ChatMessage, RenderedChat, TextPart, ToolCall } from './chat-template.ts';

export interface EncodeOptions {
  /** Adds bos before the text, if the tokenizer has one and the text does not begin with it. */
  readonly bos?: boolean;
  /** Adds eos after the text, if the tokenizer has one and the text does not end with it. */
  readonly eos?: boolean;
}

/** A text as token ids, with where each token comes from. */
export interface EncodedWithOffsets {
  readonly ids: number[];
  /**
   * For each id the range of the text that its token comes from, in UTF-16 units, as `text.slice(start, end)` takes it. They are the offsets
   * of Hugging Face's Rust library, whose Python binding counts code points. Tokens that are added around a text have the range from 0 to 0.
   */
  readonly offsets: Range[];
}

export interface DecodeOptions {
  /** Omits special tokens from the text. Default: true. */
  readonly skipSpecial?: boolean;
}

export interface StreamDecoderOptions extends DecodeOptions {
  /** Tokens before these. Their text is not returned, but because of them the text keeps its leading space. */
  readonly after?: readonly number[];
  /** Special tokens that are in the text all the same. Default: none. */
  readonly visible?: ReadonlySet<number>;
}

export interface ChatOptions {
  /** Adds the beginning of the assistant's answer at the end. */
  readonly addGenerationPrompt: boolean;
  /** What the assistant may call. The template writes it into the prompt. */
  readonly tools?: readonly object[] | undefined;
  /** Texts to answer from, for templates that read them. */
  readonly documents?: readonly object[] | undefined;
  /** Further values by their names in the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** Converts text to token ids and back, for one model. */
export interface Tokenizer {
  /** Returns the ids of a text. Special tokens in the text become their ids. No token is added unless an option requests it. */
  encode(text: string, options?: EncodeOptions): number[];
  /** The same, in slices between which other tasks run: for long texts on a server. */
  encodeInSlices(text: string, options?: EncodeOptions): Promise<number[]>;
  /** Returns the ids of a text, and where in the text each token comes from. */
  encodeWithOffsets(text: string, options?: EncodeOptions): EncodedWithOffsets;
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
  /** The token as the files of the tokenizer name it, such as `Ġthe` or `▁the`; undefined for an id outside the vocabulary. */
  tokenName(id: number): string | undefined;
  /** What its tokens stand for. */
  readonly vocabulary: TokenVocabulary;
  /** @throws EspalierError CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_INVALID, CHAT_TEMPLATE_FAILED */
  renderChat(messages: readonly ChatMessage[], options: ChatOptions): string;
  /** Renders messages like `renderChat`, and says which parts the template marks as written by the assistant. */
  renderMarked(messages: readonly ChatMessage[], options: ChatOptions): RenderedChat;
  /** Returns the ids of the rendered messages. The template decides about bos and eos. If bos comes twice, one is removed. */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions): number[];
  /** The same; the ids come in slices between which other tasks run. */
  encodeChatInSlices(messages: readonly ChatMessage[], options: ChatOptions): Promise<number[]>;
  /**
   * Returns the ids of a text that `renderChat` gave, which are those of `encodeChat`, and the ranges of ids that ranges of the text
   * became. A token across the border of a range is part of the range.
   * @param ranges  in UTF-16 units
   */
  encodeRendered(text: string, ranges: readonly Range[]): EncodedRanges;
  readonly hasChatTemplate: boolean;
  /** The sources of its chat templates, by name. */
  readonly templates: ReadonlyMap<string, string>;
  /** The folder of its files. */
  readonly folder: string;
  /** Returns the same tokenizer with the chat templates of other files, and with the special tokens that their configuration names. */
  withTemplates(files: TemplateFiles): Tokenizer;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** How the chat template ends an answer; undefined where it does so with plain text, or not at all. */
  readonly turnEnd: TurnEnd | undefined;
  /** The mark with which the chat template ends an answer where no token is that mark; answers to chats stop at this text. */
  readonly turnMark: string | undefined;
  /** Every id that ends a generation. */
  readonly eosIds: readonly number[];
  /** One more than the largest id. */
  readonly vocabSize: number;
}

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
  readonly vocabSize: number;
  readonly folder: string;
  readonly #files: TokenizerFiles;
  readonly #parts: TokenizerParts;
  readonly #pipeline: TextPipeline;
  readonly #around: Template;
  readonly #trimmings: readonly Trimming[];
  readonly #decoding: Decoding;
  readonly #tokens: TokenTable;
  readonly #template: ChatTemplate | undefined;
  readonly #special: SpecialTokens;
  #eosIds: readonly number[] | undefined;
  #turnEnd: { readonly found: TurnEnd | undefined } | undefined;
  #turnMark: { readonly found: string | undefined } | undefined;

  constructor(files: TokenizerFiles, parts: TokenizerParts = readParts(files)) {
    const { pipeline, around, trimmings, decoding, tokens } = parts;
    // WHY without the vocabulary: its parts are read, and it is large.
    this.#files = { ...files, tokenizer: {} };
    this.#parts = parts;
    this.folder = files.folder;
    this.#pipeline = pipeline;
    this.#around = around;
    this.#trimmings = trimmings;
    this.#decoding = decoding;
    this.#tokens = tokens;
    this.#special = findSpecialTokens(files, {
      idOf: (token) => this.#tokens.idOf(token),
      tokenOf: (id) => this.#tokens.contentOf(id),
      before: tokensBefore(around),
    });
    this.#template = findChatTemplate(files, this.#special.texts);
    this.bosId = this.#special.bosId;
    this.eosId = this.#special.eosId;
    this.vocabSize = this.#tokens.size;
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
  }

  get templates(): ReadonlyMap<string, string> {
    return templatesOf(this.#files);
  }

  withTemplates({ folder, tokenizerConfig, chatTemplate, additionalTemplates }: TemplateFiles): Tokenizer {
    const config = { ...this.#files.tokenizerConfig, ...tokenizerConfig };
    const files = { ...this.#files, folder, tokenizerConfig: config, chatTemplate, additionalTemplates };
    return new FileTokenizer(files, this.#parts);
  }

  get turnEnd(): TurnEnd | undefined {
    const template = this.#template;
    this.#turnEnd ??= { found: template && findTurnEnd(template, (text) => this.#pipeline.split(text)) };
    return this.#turnEnd.found;
  }

  get turnMark(): string | undefined {
    const template = this.#template;
    this.#turnMark ??= { found: template && findTurnMark(template, (text) => this.#pipeline.split(text)) };
    return this.#turnMark.found;
  }

  get eosIds(): readonly number[] {
    const { turnEnd } = this;
    return (this.#eosIds ??= [...new Set([...this.#special.eosIds, ...(turnEnd === undefined ? [] : [turnEnd.id])])]);
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    return this.#withEnds(this.#encode(text).ids, options);
  }

  async encodeInSlices(text: string, options: EncodeOptions = {}): Promise<number[]> {
    return this.#withEnds(await this.#encodeInSlices(text), options);
  }

  encodeWithOffsets(text: string, options: EncodeOptions = {}): EncodedWithOffsets {
    const { ids, offsets } = this.#locate(text);
    const { before, after } = this.#endsOf(ids, options);
    const added = { start: 0, end: 0 };
    if (before !== undefined) {
      ids.unshift(before);
      offsets.unshift(added);
    }
    if (after !== undefined) {
      ids.push(after);
      offsets.push(added);
    }
    return { ids, offsets };
  }

  encodeForEncoder(text: string, options: EncoderInputOptions = {}): EncoderInput {
    const encode: EncodeWhole = (words, { pair, special, offsets = false }) => {
      const tokens = (each: string): TextTokens => (offsets ? this.#locate(each) : this.#encode(each));
      const texts = [words, ...(pair === undefined ? [] : [pair])].map(tokens);
      return fillTemplate(this.#around, texts, special);
    };
    return encodeForEncoder(encode, text, options);
  }

  decode(ids: readonly number[], { skipSpecial = true }: DecodeOptions = {}): string {
    return this.#decode(ids.map((id) => this.#tokenOf(id, skipSpecial)).filter((token) => token !== undefined));
  }

  createStreamDecoder({ skipSpecial = true, after = [], visible }: StreamDecoderOptions = {}): StreamDecoder {
    const tokenOf = (id: number): string | undefined => this.#tokenOf(id, skipSpecial && visible?.has(id) !== true);
    return createStreamDecoder(this.#decoding, tokenOf, after);
  }

  get vocabulary(): TokenVocabulary {
    return this.#parts.vocabulary;
  }

  tokenBytes(id: number): Uint8Array | undefined {
    return this.vocabulary.bytesOf(id);
  }

  tokenName(id: number): string | undefined {
    return this.#tokens.contentOf(id);
  }

  renderChat(messages: readonly ChatMessage[], options: ChatOptions): string {
    return this.renderMarked(messages, options).text;
  }

  renderMarked(messages: readonly ChatMessage[], options: ChatOptions): RenderedChat {
    if (this.#template === undefined) throw new EspalierError('CHAT_TEMPLATE_MISSING', { path: this.folder });
    return this.#template.render(messages, options);
  }

  encodeChat(messages: readonly ChatMessage[], options: ChatOptions): number[] {
    return this.#withOneBos(this.encode(this.renderChat(messages, options)));
  }

  async encodeChatInSlices(messages: readonly ChatMessage[], options: ChatOptions): Promise<number[]> {
    return this.#withOneBos(await this.#encodeInSlices(this.renderChat(messages, options)));
  }

  encodeRendered(text: string, ranges: readonly Range[]): EncodedRanges {
    return encodeRanges(text, ranges, {
      encode: (part) => this.#encode(part),
      tidy: (ids) => this.#withOneBos(ids),
    });
  }

  #encode(text: string): EncodedText {
    try {
      return finishNow(this.#pipeline.encode(text));
    } catch (cause) {
      throw invalid(this.folder, cause);
    }
  }

  #locate(text: string): EncodedWithOffsets {
    try {
      const located = finishNow(this.#pipeline.locate(text));
      const trimmed = this.#trimmings.reduce(
        (ranges, trimming) => trimRanges(text, { ...located, ranges }, trimming),
        located.ranges,
      );
      return { ids: located.ids, offsets: trimmed };
    } catch (cause) {
      throw invalid(this.folder, cause);
    }
  }

  async #encodeInSlices(text: string): Promise<number[]> {
    try {
      return (await finishInSlices(this.#pipeline.encode(text))).ids;
    } catch (cause) {
      throw invalid(this.folder, cause);
    }
  }

  #withEnds(ids: number[], options: EncodeOptions): number[] {
    const { before, after } = this.#endsOf(ids, options);
    if (before !== undefined) ids.unshift(before);
    if (after !== undefined) ids.push(after);
    return ids;
  }

  #endsOf(ids: readonly number[], { bos = false, eos = false }: EncodeOptions): Ends {
    return {
      before: bos && ids[0] !== this.bosId ? this.bosId : undefined,
      after: eos && ids.at(-1) !== this.eosId ? this.eosId : undefined,
    };
  }

  #decode(tokens: readonly string[]): string {
    const decoder = new TokenDecoder(this.#decoding);
    let text = '';
    for (const token of tokens) text += decoder.push(token);
    return text + decoder.end();
  }

  #withOneBos(ids: number[]): number[] {
    const bos = this.#special.namedBosId ?? this.bosId;
    return ids[0] !== undefined && ids[0] === bos && ids[1] === bos ? ids.slice(1) : ids;
  }

  #tokenOf(id: number, skipSpecial: boolean): string | undefined {
    const token = this.#tokens.writtenOf(id);
    return token !== undefined && skipSpecial && this.#tokens.isSpecial(token) ? undefined : token;
  }
}

/** The tokens that are put around a text. */
interface Ends {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** What `tokenizer.json` is read to. */
interface TokenizerParts {
  readonly pipeline: TextPipeline;
  readonly around: Template;
  readonly trimmings: readonly Trimming[];
  readonly decoding: Decoding;
  readonly tokens: TokenTable;
  readonly vocabulary: TokenVocabulary;
}

function readParts({ folder, tokenizer }: TokenizerFiles): TokenizerParts {
  try {
    const pipeline = new TextPipeline(tokenizer);
    const tokens = new TokenTable(pipeline);
    const decoding = readDecoder(tokenizer['decoder']);
    return {
      pipeline,
      tokens,
      decoding,
      vocabulary: new DecodedVocabulary(tokens, decoding),
      around: readTemplate(tokenizer['post_processor']),
      trimmings: readTrimmings(tokenizer['post_processor']),
    };
  } catch (cause) {
    throw invalid(folder, cause);
  }
}

function invalid(folder: string, cause: unknown): EspalierError {
  const path = join(folder, 'tokenizer.json');
  const problem = messageOf(cause);
  return new EspalierError('TOKENIZER_INVALID', { path, problem }, { cause });
}
