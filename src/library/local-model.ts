import type { BaseChecks } from '../adapter-files/index.ts';
import type { AdapterInfo, AdapterLease, AdapterRegistry } from '../routing/index.ts';
import { Constraints } from '../constrain/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Engine, GenerationRequest, GenerationStream, PreparedAdapter, ReportedToken } from '../engine/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { AdapterTokenizers, Tokenizer } from '../tokenizer/index.ts';
import { constraintSpecOf } from './answer-format.ts';
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
import { readOptions } from './read-options.ts';
import { requestOf } from './request-of.ts';
import { sourcedAdapter } from './sourced-adapter.ts';

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
  /** Makes the tokenizers of adapters that bring their own; undefined: every call uses the base's. */
  readonly tokenizers: AdapterTokenizers | undefined;
  readonly engine: Engine;
  readonly registry: AdapterRegistry<PreparedAdapter>;
  /** Disposes the parts of the model. */
  readonly dispose: () => Promise<void>;
}

/** What a call asks. */
interface Call {
  readonly sampling: SamplingOptions;
  /** Whether the answer continues the prompt's text, so that the space before its first word is kept. */
  readonly isContinued: boolean;
  /** @param tokenizer  gives the tokenizer of the call. Token ids need none */
  encode(tokenizer: () => Tokenizer): readonly number[];
}

/** A generation that has begun. */
interface Started {
  readonly tokens: readonly number[];
  readonly stream: GenerationStream;
  readonly tokenizer: Tokenizer | undefined;
}

/** The request of a call, but for what its adapters decide. */
type RequestFor = (tokenizer: Tokenizer | undefined) => Promise<Omit<GenerationRequest, 'tokens' | 'adapters'>>;

/**
 * A base with its adapters in this process. Calls with different adapters share batches. Adapters can be loaded, replaced and unloaded
 * while calls run. Each call uses the version of its adapter that was current when it began.
 */
export class LocalModel implements AsyncDisposable {
  readonly #parts: LocalModelParts;
  readonly #constraints = new Constraints();
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
   *   ADAPTER_NOT_FOUND, PROMPT_TOO_LONG, GENERATION_OPTION_INVALID, QUEUE_FULL, BASE_CHANGED, DISPOSED; CONSTRAINT_INVALID,
   *   CONSTRAINT_UNSUPPORTED, CONSTRAINT_TOO_LARGE, CONSTRAINT_UNWRITABLE; the signal's reason
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
    const call = callOf(options);
    const { sampling } = call;
    const { tokens, stream, tokenizer } = await this.#start(sampling.adapter, call, (own) =>
      this.#requestOf(sampling, own),
    );
    const decoder = tokenizer?.createStreamDecoder(call.isContinued ? { after: tokens } : {});
    const { stop = [], minTokens = 0, logprobs } = sampling;
    const mark = call.isContinued ? undefined : tokenizer?.turnMark;
    const stops = [...(typeof stop === 'string' ? [stop] : stop), ...(mark === undefined ? [] : [mark])];
    yield* piecesOf(stream, { decoder, stops, minTokens, logprobs: logprobs !== undefined });
  }

  /**
   * Computes the log-probabilities of a text.
   * @throws EspalierError the errors of `chat`
   */
  async score(options: ScoreOptions): Promise<Score> {
    this.#assertUsable();
    const { text, adapter, signal } = readOptions(scoreSchema, options, 'score');
    const request = { maxTokens: 0, logprobs: { top: 0, prompt: true }, ...(signal && { signal }) };
    const encode: Call['encode'] = (tokenizer) =>
      typeof text === 'string' ? tokenizer().encode(text, { bos: true, eos: true }) : text;
    const { tokens, stream } = await this.#start(adapter, { encode }, async () => request);
    for await (const _ of stream) break;
    return scoreOf(tokens, stream.promptTokens);
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
    const { base, tokenizers, registry, checks } = this.#parts;
    const { anyBase = false } = readOptions(loadSchema, options, 'load');
    const reading = { ...checks, ...(anyBase && { fingerprint: undefined }), tokenizers };
    const adapter = await sourcedAdapter(path, base.modules, reading);
    this.#assertUsable();
    return (await registry.put(name, adapter)).digest;
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

  /** The request of a call, with a processor that keeps the form of its answer. */
  async #requestOf(sampling: SamplingOptions, tokenizer: Tokenizer | undefined): ReturnType<RequestFor> {
    const ends = this.#endTokens(sampling, tokenizer);
    const request = requestOf(sampling, ends);
    const { format, minTokens = 0 } = sampling;
    if (format === undefined) return request;
    if (minTokens > 0) {
      const expected = '0 where the answer has a form, which says where it ends';
      throw new EspalierError('GENERATION_OPTION_INVALID', { name: 'minTokens', expected, actual: minTokens });
    }
    const constraint = await this.#constraints.of(constraintSpecOf(format), this.#required(tokenizer));
    return { ...request, processors: [constraint.processor({ ends })] };
  }

  /** Tokens that end an answer. WHY from both files: the end-of-turn token of a chat may be in one of them only. */
  #endTokens({ stopTokenIds = [] }: SamplingOptions, tokenizer: Tokenizer | undefined): ReadonlySet<number> {
    return new Set([...this.#parts.base.generation.eosTokenIds, ...(tokenizer?.eosIds ?? []), ...stopTokenIds]);
  }

  /**
   * Starts a generation with leases of its adapters. The engine holds them until the last token. WHY the prompt is made after the leases
   * are taken: an adapter may be replaced meanwhile, and the template and the weights must be of one version.
   */
  async #start(
    adapter: SamplingOptions['adapter'] = [],
    { encode }: Pick<Call, 'encode'>,
    requestFor: RequestFor,
  ): Promise<Started> {
    const { engine, registry, changed } = this.#parts;
    const uses = typeof adapter === 'string' ? [{ name: adapter }] : adapter;
    const leases: AdapterLease<PreparedAdapter>[] = [];
    try {
      for (const { name } of uses) leases.push(await registry.lease(name));
      this.#assertUsable();
      const tokenizer = this.#tokenizerOf(leases);
      const tokens = encode(() => this.#required(tokenizer));
      const adapters = leases.map((lease, i) => ({ lease, scale: uses[i]?.scale ?? 1 }));
      const request = await requestFor(tokenizer);
      const ending = request.signal === undefined ? changed : AbortSignal.any([request.signal, changed]);
      const stream = engine.generate({ ...request, tokens, adapters, signal: ending });
      return { tokens, stream, tokenizer };
    } finally {
      for (const lease of leases) lease.dispose();
    }
  }

  /** A single adapter's own, if it has one; else the base's. */
  #tokenizerOf([first, ...others]: readonly AdapterLease<PreparedAdapter>[]): Tokenizer | undefined {
    const own = others.length === 0 ? first?.tokenizer : undefined;
    return own ?? this.#parts.tokenizer;
  }

  #required(tokenizer: Tokenizer | undefined): Tokenizer {
    if (tokenizer === undefined) throw new EspalierError('TOKENIZER_MISSING', { path: this.#parts.base.dir });
    return tokenizer;
  }
}

function callOf(options: ChatOptions | GenerateOptions): Call {
  if ('messages' in options) {
    const { messages, tools, chatTemplateKwargs, ...sampling } = readOptions(chatSchema, options, 'chat');
    const encode: Call['encode'] = (tokenizer) => encodeMessages({ messages, tools, chatTemplateKwargs }, tokenizer());
    return { sampling, isContinued: false, encode };
  }
  const { prompt, ...sampling } = readOptions(generateSchema, options, 'generate');
  const encode: Call['encode'] = (tokenizer) =>
    typeof prompt === 'string' ? tokenizer().encode(prompt, { bos: true }) : prompt;
  return { sampling, isContinued: true, encode };
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
