import { EspalierError } from '../../core/index.ts';
import type { GivenParameter } from '../../lora/index.ts';
import type { BaseModel } from '../../models/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type Environment } from '../../onnxruntime/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import { inputsOf, mergeAdapters, scoredModule, type MergedModule, type WeightedAdapter } from './merge-adapters.ts';
import { ScoringParts, type ScoredModule } from './scoring-parts.ts';
import { planBatches } from './plan-batches.ts';
import { cutAtLastTarget, labelledTokens, nextTokens, type ScoringRow } from './targets.ts';

export interface ScorerOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  /** Adapters whose updates are added up for every row. */
  readonly adapters?: readonly WeightedAdapter[];
  /** Instead of `adapters`: modules whose matrices the caller binds with `Scorer.bind`. Their content may change between calls. */
  readonly modules?: readonly ScoredModule[];
  /** Whether the caller also binds the base's weights, each by its name in the checkpoint. */
  readonly full?: boolean;
  /** The length of the longest row in tokens. Default: the limit of the model. */
  readonly maxLength?: number;
  /** Maximum number of tokens in a batch of `evaluate`, including padding. Default: 1024. */
  readonly maxBatchTokens?: number;
  /** Maximum size of the logits that are computed at a time. Default: 64 MiB. */
  readonly maxLogitBytes?: number;
}

/** The log-probabilities of a sequence. */
export interface SequenceScore {
  /** For each token, ln p(token | earlier tokens), in nats; null for the first token. */
  readonly logprobs: readonly (number | null)[];
  /** Mean of −logprob over the predicted tokens, in nats; 0 if there are none. */
  readonly nll: number;
  /** exp(nll) */
  readonly perplexity: number;
}

/** A row with a label for each token. A token with the label -100 is not in the loss. */
export interface LabelledRow {
  readonly inputIds: readonly number[];
  readonly labels: readonly number[];
}

export interface Evaluation {
  /** Sum of −logprob over all target tokens, in nats. */
  readonly lossSum: number;
  readonly targetTokens: number;
  /** lossSum / targetTokens; 0 if there are no targets. */
  readonly loss: number;
}

/**
 * Loads a base, optionally with adapters, for scoring.
 *
 * @throws EspalierError LORA_MODULES_INVALID if an adapter is for another base; the errors of `createSession`
 */
export async function openScorer(options: ScorerOptions): Promise<Scorer> {
  const merged = await mergeAdapters(options.adapters ?? []);
  const modules = options.modules ?? merged.map(scoredModule);
  const saved = new Map(options.adapters?.flatMap((adapter) => [...(adapter.saved ?? [])]));
  const parts = await ScoringParts.open({ ...options, modules, parameters: parametersOf(options.base, saved) });
  const scorer = new Scorer(options, parts);
  scorer.bindMerged(merged);
  scorer.bindTensors(saved);
  return scorer;
}

/** The parameters that an adapter replaces as a whole, in the form that a graph needs. */
function parametersOf(base: BaseModel, saved: ReadonlyMap<string, TensorData>): GivenParameter[] {
  const turned = new Set(
    base.modules.flatMap(({ path, transposed }) => (transposed === true ? [`${path}.weight`] : [])),
  );
  return [...saved].map(([name, { shape }]) => ({ name, shape, ...(turned.has(name) && { transposed: true }) }));
}

/**
 * Computes log-probabilities with forward passes. Logits are computed for a few rows at a time, so that memory does not grow with the
 * length of a row times the vocabulary. Calls run one after another.
 */
export class Scorer {
  readonly #base: BaseModel;
  readonly #maxLength: number;
  readonly #maxBatchTokens: number;
  readonly #parts: ScoringParts;
  #turn: Promise<unknown> = Promise.resolve();

  /** Use `openScorer()`. Takes ownership of `parts`. */
  constructor(
    { base, maxLength = base.config.maxPositions, maxBatchTokens = 1024 }: ScorerOptions,
    parts: ScoringParts,
  ) {
    this.#base = base;
    this.#maxLength = maxLength;
    this.#maxBatchTokens = maxBatchTokens;
    this.#parts = parts;
  }

  /**
   * Binds inputs by name: `<path>.lora_A` and `<path>.lora_B`, or weights of the base. Each call reads the current content of their
   * memory. So the arrays of a training are bound once.
   */
  bind(tensors: ReadonlyMap<string, OrtTensor>): void {
    for (const [name, tensor] of tensors) this.#parts.bind(name, tensor);
  }

  /** @internal */
  bindMerged(modules: readonly MergedModule[]): void {
    for (const module of modules) this.bindTensors(inputsOf(module));
  }

  /** @internal */
  bindTensors(tensors: Iterable<readonly [input: string, TensorData]>): void {
    for (const [input, { shape, bytes }] of tensors) {
      using memory = NativeMemory.allocate(bytes.byteLength);
      memory.bytes().set(bytes);
      using tensor = OrtTensor.over(memory, 'float32', shape);
      this.#parts.bind(input, tensor);
    }
  }

  /**
   * Computes the log-probabilities of the tokens of one sequence.
   *
   * @throws EspalierError MODEL_CONTEXT_EXCEEDED, MODEL_TOKEN_OUT_OF_RANGE
   */
  async score(
    tokens: readonly number[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SequenceScore> {
    const row = { tokens, targets: nextTokens(tokens) };
    this.#check(row);
    const losses = await this.#losses([this.#cut(row)], signal);
    const nll = losses.length === 0 ? 0 : sum(losses) / losses.length;
    const logprobs = [null, ...Array.from(losses, (loss) => -loss)].slice(0, tokens.length);
    return { logprobs, nll, perplexity: Math.exp(nll) };
  }

  /**
   * Computes the loss of labelled rows. This is the loss that training minimizes.
   *
   * @throws EspalierError the errors of `score`
   */
  async evaluate(
    rows: Iterable<LabelledRow>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Evaluation> {
    const wanted = Array.from(rows, ({ inputIds, labels }) => ({ tokens: inputIds, targets: labelledTokens(labels) }));
    for (const row of wanted) this.#check(row);
    const cut = wanted.map((row) => this.#cut(row)).filter(({ tokens }) => tokens.length > 0);
    const lengths = cut.map(({ tokens }) => tokens.length);
    let lossSum = 0;
    let targetTokens = 0;
    // WHY one row at a time: if rotary frequencies depend on the length of the batch, a longer row would change the loss of a shorter one.
    const batchTokens = this.#base.config.lengthMatters === true ? 1 : this.#maxBatchTokens;
    for (const batch of planBatches(lengths, batchTokens)) {
      const losses = await this.#losses(
        batch.flatMap((index) => cut[index] ?? []),
        signal,
      );
      lossSum += sum(losses);
      targetTokens += losses.length;
    }
    return { lossSum, targetTokens, loss: targetTokens === 0 ? 0 : lossSum / targetTokens };
  }

  /** Idempotent. */
  dispose(): void {
    this.#parts.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** −log p of each target of some rows, f32 [targets]. Runs after the earlier calls. */
  #losses(rows: readonly ScoringRow[], signal: AbortSignal | undefined): Promise<Float32Array> {
    const run = async (): Promise<Float32Array> => {
      signal?.throwIfAborted();
      const asked = rows.some(({ targets }) => targets.ids.length > 0);
      return asked ? this.#parts.run(rows, signal) : new Float32Array();
    };
    const losses = this.#turn.then(run);
    this.#turn = losses.catch(() => undefined);
    return losses;
  }

  /** Removes the tokens after the last target, unless the results depend on the length of the row. */
  #cut(row: ScoringRow): ScoringRow {
    return this.#base.config.lengthMatters === true ? row : cutAtLastTarget(row);
  }

  #check({ tokens, targets }: ScoringRow): void {
    const { vocabSize } = this.#base.config;
    if (tokens.length > this.#maxLength) {
      throw new EspalierError('MODEL_CONTEXT_EXCEEDED', { length: tokens.length, limit: this.#maxLength });
    }
    for (const ids of [tokens, targets.ids]) {
      const index = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
      if (index >= 0)
        throw new EspalierError('MODEL_TOKEN_OUT_OF_RANGE', { token: ids[index] ?? NaN, index, vocabSize });
    }
  }
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
