import { randomInt } from 'node:crypto';

import { createRandom, Pace, type Random } from '../../core/index.ts';
import type { AppliedAdapter } from '../adapters/adapter-window.ts';
import type { SequenceAdapters } from '../adapters/sequence-adapters.ts';
import type { FinishReason, GeneratedToken, GenerationRequest, ReportedToken } from './generation-request.ts';
import type { LogitsProcessor } from '../sampling/logits-processor.ts';
import { processorsOf } from '../sampling/processors-of.ts';
import type { FlowPath } from '../schedule/flows.ts';
import type { Schedulable, SequenceClass, SequenceState } from '../schedule/schedule-state.ts';
import type { DecodeRow, PrefillStep } from '../runner/step-runner.ts';
import { isCandidates, type TokenScores } from '../sampling/token-scores.ts';
import type { Sampler, SamplingOptions } from '../sampling/sampler.ts';
import { TokenQueue } from './token-queue.ts';

export interface SequenceOptions {
  readonly id: number;
  readonly request: GenerationRequest;
  readonly adapters: SequenceAdapters;
  readonly maxLength: number;
  /** The base's own end-of-sequence tokens. */
  readonly endTokens: ReadonlySet<number>;
  /** Called when the consumer stops reading or its signal aborts. */
  readonly onCancel: (sequence: Sequence) => void;
}

/** The times of a sequence's events, by the engine's clock. */
export interface SequenceTimes {
  arrived?: number;
  /** When its first run began. */
  admitted?: number;
  firstToken?: number;
  finished?: number;
}

/** A request in the engine: its prompt, its adapters, its state, and the queue of its tokens. */
export class Sequence implements DecodeRow, Schedulable {
  readonly id: number;
  readonly class: SequenceClass;
  readonly path: FlowPath;
  /** The sequence is refused if it has not begun by this time. */
  deadline = Infinity;
  readonly maxWaitMs: number;
  readonly times: SequenceTimes = {};
  state: SequenceState = { kind: 'waiting' };
  chunk: number | undefined;
  /** The tokens to run before the first token of the answer, or before the next one if the sequence was restarted. */
  prompt: ArrayLike<number>;
  readonly ownAdapters: SequenceAdapters;
  readonly tokens: TokenQueue<GeneratedToken>;
  /** The prompt with its log-probabilities, if they were asked for, as far as it has run. */
  readonly promptTokens: ReportedToken[] = [];
  /** Number of tokens whose keys and values are in the cache. */
  length = 0;
  lastToken = 0;
  generated = 0;
  /** Number of prompt tokens that were not run, because their keys and values were kept. Set once, when the prompt begins. */
  cachedTokens: number | undefined;
  /** Sequences of different scopes share no keys and values. */
  readonly scope: string;
  /** What the request asked for. */
  readonly asked: GenerationRequest;
  finishReason: FinishReason | undefined;
  /** The consumer has left; the sequence is removed between two runs. */
  isCancelled = false;
  readonly #generated: number[] = [];
  readonly #sampling: SamplingOptions;
  readonly #processors: readonly LogitsProcessor[];
  readonly #random: Random | undefined;
  readonly #limit: number;
  readonly #stops: ReadonlySet<number>;
  readonly #logprobs: GenerationRequest['logprobs'];
  readonly #group: object | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #isClosed = false;

  constructor({ id, request, adapters, maxLength, endTokens, onCancel }: SequenceOptions) {
    const { temperature = 0, topK = 0, topP = 1, minP = 0, typicalP = 1, seed, stopTokenIds, signal } = request;
    const cancel = (): void => {
      this.isCancelled = true;
      onCancel(this);
    };
    this.id = id;
    this.prompt = request.tokens;
    this.ownAdapters = adapters;
    this.class = request.class ?? 'foreground';
    this.maxWaitMs = request.maxWaitMs ?? Infinity;
    const versions = adapters.named.map(({ version, scale }) => `${version}=${scale}`).join();
    this.path = [request.key ?? '', request.user ?? '', versions, request.promptGroup ?? id];
    this.scope = request.cacheScope ?? '';
    this.asked = request;
    this.tokens = new TokenQueue(cancel);
    this.#sampling = { temperature, topK, topP, minP, typicalP };
    this.#random = temperature === 0 ? undefined : createRandom(seed ?? randomInt(2 ** 47), 'sample');
    this.#limit = Math.min(request.maxTokens, maxLength - request.tokens.length);
    this.#stops = stopTokenIds === undefined ? endTokens : setOf(stopTokenIds);
    this.#processors = processorsOf(request, { limit: this.#limit, stops: this.#stops });
    this.#logprobs = request.logprobs;
    this.#group = request.promptGroup;
    this.#signal = signal;
    this.#onAbort = () => {
      this.tokens.fail(signal?.reason);
      cancel();
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get promptLength(): number {
    return this.prompt.length;
  }

  get isReady(): boolean {
    return this.ownAdapters.isActive;
  }

  /** The adapters that a run applies. Read it again for each run, because the arena may have moved the adapters since the last one. */
  get adapters(): readonly AppliedAdapter[] {
    return this.ownAdapters.applied;
  }

  /** Whether this waiting sequence can continue from the prompt of another sequence that has run. */
  canShare(other: Sequence): boolean {
    const isFresh = this.length === 0 && this.generated === 0 && !this.isCancelled;
    const isSameGroup = this.#group !== undefined && this.#group === other.#group && this.prompt === other.prompt;
    if (!isFresh || !isSameGroup || !this.ownAdapters.isActive) return false;
    const [own, others] = [this.#logprobs, other.#logprobs];
    return own?.prompt === others?.prompt && own?.top === others?.top && this.#hasAdaptersOf(other);
  }

  #hasAdaptersOf({ ownAdapters }: Sequence): boolean {
    const [own, others] = [this.ownAdapters.named, ownAdapters.named];
    if (own.length !== others.length) return false;
    return own.every(({ version, scale }, i) => version === others[i]?.version && scale === others[i]?.scale);
  }

  /** Records that the prompt is in the cache, copied from another sequence's slot. */
  share(other: Sequence): void {
    this.length = other.length;
    this.cachedTokens ??= other.cachedTokens;
    for (const token of other.promptTokens) this.promptTokens.push(token);
  }

  /** The object that requests with the same prompt have in common. */
  get group(): object | undefined {
    return this.#group;
  }

  /** The token at a place of prompt and answer. */
  readonly tokenAt = (place: number): number =>
    (place < this.prompt.length ? this.prompt[place] : this.#generated[place - this.prompt.length]) ?? 0;

  /** Records that the first tokens of the prompt are in the slot before any run. */
  resume(length: number): void {
    this.length = length;
    this.cachedTokens ??= length;
  }

  /** Whether the logits after each token of the prompt are wanted. False for a restarted sequence that has already reported them. */
  get isPromptReported(): boolean {
    return this.#logprobs?.prompt === true && this.generated === 0;
  }

  /**
   * Records the log-probabilities of the prompt's tokens in a chunk that has run.
   * @param rows the model's scores after each token of the chunk; further rows are undefined
   * @throws EspalierError LOGITS_NOT_FINITE
   */
  async reportPrompt(
    { tokens, start, end }: PrefillStep,
    rows: readonly TokenScores[],
    sampler: Sampler,
  ): Promise<void> {
    if (start === 0) this.promptTokens.push({ token: tokens[0] ?? 0 });
    const pace = new Pace();
    for (let place = start + 1; place <= Math.min(end, tokens.length - 1); place++) {
      const row = rows[place - 1 - start];
      if (row === undefined || this.isCancelled) return;
      const token = tokens[place] ?? 0;
      this.promptTokens.push({ token, ...sampler.report(row, token, this.#logprobs?.top ?? 0) });
      const turn = pace.step();
      if (turn) await turn;
    }
  }

  /**
   * Draws the next token and gives it to the consumer. Does nothing if the answer may have no tokens.
   * @param scores the model's scores after the last token that has run
   * @returns the reason why the request is finished; undefined if it continues
   * @throws EspalierError LOGITS_NOT_FINITE
   */
  take(scores: TokenScores, sampler: Sampler): FinishReason | undefined {
    if (this.#limit === 0) return (this.finishReason = 'length');
    const token = sampler.draw(this.#processed(scores, sampler), this.#sampling, this.#random);
    for (const processor of this.#processors) processor.note?.(token);
    this.lastToken = token;
    this.#generated.push(token);
    this.generated++;
    const stopped = this.#stops.has(token) ? 'stop' : undefined;
    const finishReason = stopped ?? (this.generated >= this.#limit ? 'length' : undefined);
    this.finishReason = finishReason;
    const extra = this.#logprobs && sampler.report(scores, token, this.#logprobs.top ?? 0);
    this.tokens.push(finishReason === undefined ? { token, ...extra } : { token, ...extra, finishReason });
    return finishReason;
  }

  /** Number of most likely tokens that are enough to draw the next one and to report it. */
  get candidates(): number {
    const { temperature, topK } = this.#sampling;
    const drawn = temperature === 0 ? 1 : topK === 0 ? Infinity : topK;
    return this.#processors.length === 0 ? Math.max(drawn, this.#logprobs?.top ?? 0) : Infinity;
  }

  #processed(scores: TokenScores, sampler: Sampler): TokenScores {
    if (this.#processors.length === 0) return scores;
    if (isCandidates(scores)) throw new RangeError("A request's processors need every logit");
    const { changed } = sampler;
    changed.set(scores);
    for (const processor of this.#processors) processor.process(changed);
    return changed;
  }

  /** Makes all tokens so far the prompt, so that their keys and values are computed anew. */
  restart(): void {
    // The prompt is reported again, unless the answer has begun.
    if (this.generated === 0) this.promptTokens.length = 0;
    else this.chunk = undefined;
    this.prompt = [...Array.from(this.prompt), ...this.#generated.splice(0)];
    this.length = 0;
  }

  /** Releases its adapters, and ends or fails the consumer's stream. Idempotent. */
  close(error?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.ownAdapters.release();
    if (error === undefined) this.tokens.end();
    else this.tokens.fail(error);
  }
}

/** WHY a set is kept: the choices of a request have one in common. */
function setOf(tokens: readonly number[] | ReadonlySet<number>): ReadonlySet<number> {
  return tokens instanceof Set ? tokens : new Set(tokens);
}
