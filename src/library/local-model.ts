import { loadAdapter, type BaseChecks } from '../adapter-files/index.ts';
import type { AdapterInfo, AdapterLease, AdapterRegistry } from '../routing/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Engine, GenerationRequest, GenerationStream, PreparedAdapter, ReportedToken } from '../engine/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { OwnTokenizers } from './own-tokenizers.ts';
import { encodeMessages } from './encode-messages.ts';
import {
  chatSchema,
  generateSchema,
  loadSchema,
  scoreSchema,
  type ChatOptions,
  type GenerateOptions,
  type LoadOptions,
  type SamplingOptions,
  type ScoreOptions,
} from './generate-options.ts';
import { piecesOf, type FinishReason, type Piece } from './pieces.ts';
import { definedOnly, readOptions } from './read-options.ts';

/** A complete answer. */
export interface Answer {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  /** The log-probability of each token, if requested. */
  readonly logprobs?: readonly ReportedToken[];
}

/** The log-probabilities of a text. */
export interface Score {
  readonly tokens: readonly number[];
  /** For each token, ln p(token | earlier tokens), in nats; null for the first token. */
  readonly logprobs: readonly (number | null)[];
  /** Mean of −logprob over the predicted tokens, in nats; 0 if there are none. */
  readonly nll: number;
  /** exp(nll) */
  readonly perplexity: number;
}

export interface LocalModelParts {
  readonly base: BaseModel;
  /** Aborts when a file of the base has been written to. */
  readonly changed: AbortSignal;
  /** The properties of the base with which adapters are compared. */
  readonly checks: BaseChecks;
  readonly tokenizer: Tokenizer | undefined;
  readonly own: OwnTokenizers;
  readonly engine: Engine;
  readonly registry: AdapterRegistry<PreparedAdapter>;
  /** Disposes the parts of the model. */
  readonly dispose: () => Promise<void>;
}

/** The prompt of a call, and how its answer is decoded. */
interface Prompt {
  readonly tokens: readonly number[];
  /** Whether the answer continues the prompt's text, so that the space before its first word is kept. */
  readonly isContinued: boolean;
}

const defaultMaxTokens = 128;

/**
 * A base with its adapters in this process. Calls with different adapters share batches. Adapters can be loaded, replaced and unloaded
 * while calls run. Each call uses the version of its adapter that was current when it began.
 */
export class LocalModel implements AsyncDisposable {
  readonly #parts: LocalModelParts;
  #disposal: Promise<void> | undefined;

  /** Use `loadModel()`. Takes ownership of the parts. */
  constructor(parts: LocalModelParts) {
    this.#parts = parts;
  }

  /** Maximum number of tokens of a prompt and its answer together. */
  get maxLength(): number {
    return this.#parts.engine.maxLength;
  }

  /** The loaded adapters, in the order of loading. */
  get adapters(): readonly AdapterInfo[] {
    return this.#parts.registry.list();
  }

  /**
   * Answers a conversation.
   *
   * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID, CHAT_TEMPLATE_MISSING, CHAT_TEMPLATE_FAILED, TOKENIZER_MISSING,
   *   ADAPTER_NOT_FOUND, PROMPT_TOO_LONG, GENERATION_OPTION_INVALID, QUEUE_FULL, BASE_CHANGED, DISPOSED; the signal's reason
   */
  async chat(options: ChatOptions): Promise<Answer> {
    return collect(this.stream(options));
  }

  /**
   * Continues a text, or token ids.
   * @throws EspalierError the errors of `chat`
   */
  async generate(options: GenerateOptions): Promise<Answer> {
    return collect(this.stream(options));
  }

  /**
   * Does the same as `chat` (with `messages`) and `generate` (with `prompt`), and yields the answer piece by piece. The call begins when
   * the first piece is read. Leaving the loop ends the call.
   * @throws EspalierError the errors of `chat`, when the first piece is read
   */
  async *stream(options: ChatOptions | GenerateOptions): AsyncGenerator<Piece, void, undefined> {
    this.#assertUsable();
    const { prompt, sampling } = this.#read(options);
    const generated = await this.#start(
      prompt.tokens,
      sampling.adapter,
      requestOf(sampling, this.#endTokens(sampling)),
    );
    const decoder = this.#parts.own
      .of(sampling.adapter)
      ?.createStreamDecoder(prompt.isContinued ? { after: prompt.tokens } : {});
    const { stop = [], minTokens = 0, logprobs } = sampling;
    const stops = typeof stop === 'string' ? [stop] : stop;
    yield* piecesOf(generated, { decoder, stops, minTokens, logprobs: logprobs !== undefined });
  }

  /**
   * Computes the log-probabilities of a text.
   * @throws EspalierError the errors of `chat`
   */
  async score(options: ScoreOptions): Promise<Score> {
    this.#assertUsable();
    const { text, adapter, signal } = readOptions(scoreSchema, options, 'score');
    const tokens = typeof text === 'string' ? this.#tokenizer(adapter).encode(text, { bos: true, eos: true }) : text;
    const request = { maxTokens: 0, logprobs: { top: 0, prompt: true }, ...(signal && { signal }) };
    const generated = await this.#start(tokens, adapter, request);
    for await (const _ of generated) break;
    return scoreOf(tokens, generated.promptTokens);
  }

  /**
   * Loads an adapter under a name, or replaces the adapter of that name. Running calls keep the version with which they began.
   *
   * @returns the SHA-256 of the adapter's effect
   * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID; the errors of the files; ADAPTER_BASE_MISMATCH, SHAPE_MISMATCH,
   *   ADAPTER_RANK_TOO_LARGE, DORA_NOT_SERVED, ADAPTER_TARGET_NOT_SERVED, BASE_CHANGED, DISPOSED. The earlier version then stays in use
   */
  async load(name: string, path: string, options: LoadOptions = {}): Promise<string> {
    this.#assertUsable();
    const { base, own, registry, checks } = this.#parts;
    const { anyBase = false } = readOptions(loadSchema, options, 'load');
    const adapter = await loadAdapter(path, base.modules, anyBase ? { ...checks, fingerprint: undefined } : checks);
    const tokenizer = await own.open(path);
    this.#assertUsable();
    const { digest } = await registry.put(name, adapter);
    own.set(name, tokenizer);
    return digest;
  }

  /**
   * Unloads an adapter. Running calls finish.
   * @throws EspalierError ADAPTER_NOT_FOUND, DISPOSED
   */
  async unload(name: string): Promise<void> {
    this.#assertOpen();
    await this.#parts.registry.unload(name);
  }

  /** Ends running calls with ENGINE_CLOSED and releases everything. Idempotent. */
  dispose(): Promise<void> {
    return (this.#disposal ??= this.#parts.dispose());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #assertOpen(): void {
    if (this.#disposal !== undefined) throw new EspalierError('DISPOSED', { name: 'A model' });
  }

  #assertUsable(): void {
    this.#assertOpen();
    this.#parts.changed.throwIfAborted();
  }

  #tokenizer(adapter: SamplingOptions['adapter']): Tokenizer {
    const { own, base } = this.#parts;
    const tokenizer = own.of(adapter);
    if (tokenizer === undefined) throw new EspalierError('TOKENIZER_MISSING', { path: base.dir });
    return tokenizer;
  }

  #read(options: ChatOptions | GenerateOptions): { readonly prompt: Prompt; readonly sampling: SamplingOptions } {
    if ('messages' in options) {
      const { messages, tools, chatTemplateKwargs, ...sampling } = readOptions(chatSchema, options, 'chat');
      const tokens = encodeMessages({ messages, tools, chatTemplateKwargs }, this.#tokenizer(sampling.adapter));
      return { prompt: { tokens, isContinued: false }, sampling };
    }
    const { prompt, ...sampling } = readOptions(generateSchema, options, 'generate');
    const tokens =
      typeof prompt === 'string' ? this.#tokenizer(sampling.adapter).encode(prompt, { bos: true }) : prompt;
    return { prompt: { tokens, isContinued: true }, sampling };
  }

  /** Tokens that end an answer. WHY from both files: the end-of-turn token of a chat may be in one of them only. */
  #endTokens({ adapter, stopTokenIds = [] }: SamplingOptions): ReadonlySet<number> {
    const { base, own } = this.#parts;
    const tokenizer = own.of(adapter);
    return new Set([...base.generation.eosTokenIds, ...(tokenizer?.eosIds ?? []), ...stopTokenIds]);
  }

  /** Starts a generation with leases of its adapters. The engine holds them until the last token. */
  async #start(
    tokens: readonly number[],
    adapter: SamplingOptions['adapter'] = [],
    request: Omit<GenerationRequest, 'tokens' | 'adapters'>,
  ): Promise<GenerationStream> {
    const { engine, registry, changed } = this.#parts;
    const uses = typeof adapter === 'string' ? [{ name: adapter }] : adapter;
    const leases: AdapterLease<PreparedAdapter>[] = [];
    try {
      for (const { name } of uses) leases.push(await registry.lease(name));
      this.#assertUsable();
      const adapters = leases.map((lease, i) => ({ lease, scale: uses[i]?.scale ?? 1 }));
      const { signal } = request;
      const ending = signal === undefined ? changed : AbortSignal.any([signal, changed]);
      return engine.generate({ ...request, tokens, adapters, signal: ending });
    } finally {
      for (const lease of leases) lease.dispose();
    }
  }
}

function requestOf(
  { maxTokens = defaultMaxTokens, logitBias, logprobs, ...sampling }: SamplingOptions,
  stopTokenIds: ReadonlySet<number>,
): Omit<GenerationRequest, 'tokens' | 'adapters'> {
  const { minTokens, temperature, topK, topP, minP, seed, signal } = sampling;
  const { presencePenalty, frequencyPenalty, repetitionPenalty } = sampling;
  const penalties = { presencePenalty, frequencyPenalty, repetitionPenalty };
  return {
    ...definedOnly({ minTokens, temperature, topK, topP, minP, seed, signal, ...penalties }),
    maxTokens,
    stopTokenIds,
    ...(logitBias && { logitBias: new Map(Object.entries(logitBias).map(([id, bias]) => [Number(id), bias])) }),
    ...(logprobs !== undefined && { logprobs: { top: logprobs } }),
  };
}

async function collect(pieces: AsyncIterable<Piece>): Promise<Answer> {
  let text = '';
  let finishReason: FinishReason = 'length';
  const tokens: number[] = [];
  let logprobs: ReportedToken[] | undefined;
  for await (const piece of pieces) {
    text += piece.text;
    tokens.push(...piece.tokens);
    if (piece.logprobs) (logprobs ??= []).push(...piece.logprobs);
    finishReason = piece.finishReason ?? finishReason;
  }
  return { text, tokens, finishReason, ...(logprobs && { logprobs }) };
}

function scoreOf(tokens: readonly number[], reported: readonly ReportedToken[]): Score {
  const logprobs = reported.map(({ logprob }) => logprob ?? null);
  const predicted = logprobs.flatMap((logprob) => logprob ?? []);
  const nll = predicted.length === 0 ? 0 : -predicted.reduce((sum, logprob) => sum + logprob, 0) / predicted.length;
  return { tokens, logprobs, nll, perplexity: Math.exp(nll) };
}
