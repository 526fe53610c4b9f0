import type { BaseChecks } from '../adapter-files/index.ts';
import {
  type AnswerContext,
  type AnsweringAdapter,
  answeringAdapters,
  contextFor,
  requestedAdapters,
  startAnswer,
  type StartedAnswer,
} from '../answering/index.ts';
import { Constraints } from '../constrain/index.ts';
import { EspalierError } from '../core/index.ts';
import type { Engine, PreparedAdapter, ReportedToken } from '../engine/index.ts';
import type { BaseModel } from '../models/index.ts';
import { type AdapterInfo, type AdapterLease, type AdapterRegistry, leaseAll, parseModel } from '../routing/index.ts';
import { endTokenIds } from '../service/index.ts';
import type { AdapterTokenizers, Tokenizer } from '../tokenizer/index.ts';
import { type Answer, collectAnswer, type Piece, readAnswer } from './answer.ts';
import { type Call, callOf } from './call-of.ts';
import {
  type ChatOptions,
  type GenerateOptions,
  type LoadOptions,
  loadSchema,
  type SamplingOptions,
  type ScoreOptions,
  scoreSchema,
} from './generate-options.ts';
import { LinkedAbort } from './linked-abort.ts';
import { asOptionError } from './option-error.ts';
import { readOptions } from './read-options.ts';
import { sourcedAdapter } from './sourced-adapter.ts';

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
  /** The name of the base. */
  readonly baseName: string;
  /** The form in which the model writes calls of tools. undefined: as its chat template shows. */
  readonly toolParser: string | undefined;
  readonly registry: AdapterRegistry<PreparedAdapter>;
  /** Disposes the parts of the model. */
  readonly dispose: () => Promise<void>;
}

/** Who answers a call. */
interface CallRoute extends Disposable {
  readonly leases: readonly AdapterLease<PreparedAdapter>[];
  readonly scales: readonly number[];
}

/**
 * A base with its adapters in this process. Calls with different adapters share batches. Adapters can be loaded, replaced and unloaded
 * while calls run. Each call uses the version of its adapter that was current when it began.
 */
export class LocalModel implements AsyncDisposable {
  readonly #parts: LocalModelParts;
  readonly #context: AnswerContext;
  #disposal: Promise<void> | undefined;

  /** Use `loadModel()`. Takes ownership of the parts. */
  constructor(parts: LocalModelParts) {
    this.#parts = parts;
    const { base, tokenizer, engine, toolParser } = parts;
    this.#context = {
      engine,
      tokenizer,
      toolParser,
      constraints: new Constraints(),
      eosTokenIds: endTokenIds(base.generation.eosTokenIds, tokenizer),
      maxLength: engine.maxLength,
    };
  }

  /** The name of the base, by which `baseName:adapter` names an adapter too. */
  get baseName(): string {
    return this.#parts.baseName;
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
    return collectAnswer(this.stream(options));
  }

  /**
   * Continues a text, or token ids.
   * @throws EspalierError the errors of `chat`
   */
  async generate(options: GenerateOptions): Promise<Answer> {
    return collectAnswer(this.stream(options));
  }

  /**
   * Does the same as `chat` (with `messages`) and `generate` (with `prompt`), and yields the answer piece by piece. The call begins when
   * the first piece is read. Leaving the loop ends the call.
   * @throws EspalierError the errors of `chat`, when the first piece is read
   */
  async *stream(options: ChatOptions | GenerateOptions): AsyncGenerator<Piece, void, undefined> {
    this.#assertUsable();
    const call = callOf(options);
    const { changed } = this.#parts;
    using ending = new LinkedAbort([call.signal, changed]);
    const started = await this.#start(call, ending.controller).catch((error: unknown) => {
      throw asOptionError(error);
    });
    yield* readAnswer(started);
  }

  /**
   * Computes the log-probabilities of a text.
   * @throws EspalierError the errors of `chat`
   */
  async score(options: ScoreOptions): Promise<Score> {
    this.#assertUsable();
    const { text, adapter, signal } = readOptions(scoreSchema, options, 'score');
    const { engine, changed } = this.#parts;
    using route = await this.#route(adapter);
    this.#assertUsable();
    const { tokenizer } = contextFor(this.#context, route);
    const tokens = typeof text === 'string' ? this.#required(tokenizer).encode(text, { bos: true, eos: true }) : text;
    const stream = engine.generate({
      tokens,
      adapters: requestedAdapters(route),
      maxTokens: 0,
      stopTokenIds: new Set(),
      logprobs: { top: 0, prompt: true },
      signal: signal === undefined ? changed : AbortSignal.any([signal, changed]),
    });
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

  async #start(
    { plan, adapter, needs }: Call,
    controller: AbortController,
  ): Promise<StartedAnswer & { readonly answeredBy: readonly AnsweringAdapter[] }> {
    using route = await this.#route(adapter);
    this.#assertUsable();
    const { tokenizer } = contextFor(this.#context, route);
    if (needs !== 'nothing') this.#required(tokenizer);
    if (needs === 'template' && tokenizer?.hasChatTemplate === false) {
      throw new EspalierError('CHAT_TEMPLATE_MISSING', { path: tokenizer.folder });
    }
    const started = await startAnswer(this.#context, route, plan, { controller });
    return { ...started, answeredBy: answeringAdapters(route) };
  }

  /**
   * Leases the adapters of a call. The engine holds them until the last token. WHY the prompt is made after the leases are taken: an
   * adapter may be replaced meanwhile, and the template and the weights must be of one version.
   */
  async #route(adapter: SamplingOptions['adapter'] = []): Promise<CallRoute> {
    const { registry, baseName } = this.#parts;
    const uses = typeof adapter === 'string' ? [{ name: adapter }] : adapter;
    const leases = await leaseAll(
      registry,
      uses.map(({ name }) => parseModel(name, baseName)),
    );
    return {
      leases,
      scales: uses.map(({ scale = 1 }) => scale),
      [Symbol.dispose]() {
        for (const lease of leases) lease.dispose();
      },
    };
  }

  #required(tokenizer: Tokenizer | undefined): Tokenizer {
    if (tokenizer === undefined) throw new EspalierError('TOKENIZER_MISSING', { path: this.#parts.base.dir });
    return tokenizer;
  }
}

function scoreOf(tokens: readonly number[], reported: readonly ReportedToken[]): Score {
  const logprobs = reported.map(({ logprob }) => logprob ?? null);
  const predicted = logprobs.flatMap((logprob) => logprob ?? []);
  const nll = predicted.length === 0 ? 0 : -predicted.reduce((sum, logprob) => sum + logprob, 0) / predicted.length;
  return { tokens, logprobs, nll, perplexity: Math.exp(nll) };
}
