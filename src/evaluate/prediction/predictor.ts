import { EspalierError } from '../../core/index.ts';
import { openGraph, type OpenGraph } from '../../execution/index.ts';
import { buildClassificationGraph, buildEmbeddingGraph, rowInputs, type BaseModel } from '../../models/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type Environment, type IoBinding } from '../../onnxruntime/index.ts';
import { planBatches } from '../scoring/plan-batches.ts';
import type { WeightedAdapter } from '../scoring/merge-adapters.ts';
import { toFloat32, type TensorData } from '../../tensor/index.ts';
import { applyAdapters, savedOf } from './apply-adapters.ts';
import { collateRows, lengthOf, type PredictRow } from './predict-row.ts';

export interface PredictorOptions {
  readonly base: BaseModel;
  readonly environment: Environment;
  /** The result for each row: a number for each class, or a vector. */
  readonly task: 'classification' | 'embedding';
  /** Adapters whose updates are added up for every row. */
  readonly adapters?: readonly WeightedAdapter[];
  /** Maximum number of tokens in a batch, including padding. Default: 1024. */
  readonly maxBatchTokens?: number;
  /** The length of the longest row in tokens. Default: the limit of the model. */
  readonly maxLength?: number;
}

export interface PredictOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads a base, optionally with adapters, for classification or embedding.
 *
 * @throws EspalierError MODEL_TASK_UNSUPPORTED if the base does not support the task; LORA_MODULES_INVALID and LORA_PARTS_NOT_APPLIED
 *   for adapters that do not fit; the errors of `createSession`
 */
export async function openPredictor(options: PredictorOptions): Promise<Predictor> {
  const { base, environment, task, adapters = [], maxLength = base.config.maxPositions } = options;
  const saved = savedOf(adapters);
  assertNoInput([...saved.keys()], base);
  const build = task === 'classification' ? buildClassificationGraph : buildEmbeddingGraph;
  const model = build(base, { given: new Set(saved.keys()), tokenTypes: true, maxLength });
  const tensors = await applyAdapters(model, adapters);
  if (task === 'classification') assertTaken([...saved.keys()], tensors);
  const session = { varyingShapes: true, exactProducts: true };
  const graph = await openGraph(model, { environment, baseDir: base.dir, session });
  return new Predictor(options, graph, tensors);
}

/** A parameter with the name of an input of the rows would replace the data of that input, or be replaced by it. */
function assertNoInput(names: readonly string[], base: BaseModel): void {
  const inputs = rowInputs(base);
  const wrong = names.filter((name) => inputs.has(name));
  if (wrong.length === 0) return;
  const parts = `whole parameters with the names of inputs, ${wrong.join(', ')}`;
  throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name: 'given', parts, place: 'this base' });
}

/** Checks that the graph reads every parameter that an adapter replaces. */
function assertTaken(names: readonly string[], tensors: ReadonlyMap<string, TensorData>): void {
  const lost = names.filter((name) => !tensors.has(name));
  if (lost.length === 0) return;
  const parts = `the whole parameters ${lost.join(', ')}`;
  throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name: 'given', parts, place: 'this base' });
}

/**
 * Computes a list of numbers for each row: logits or a vector. Rows of similar length are run together in batches. Calls run one after
 * another. The event loop is not blocked while the model runs.
 */
export class Predictor implements Disposable {
  readonly #base: BaseModel;
  readonly #maxBatchTokens: number;
  readonly #maxLength: number;
  readonly #graph: OpenGraph;
  readonly #binding: IoBinding;
  #turn: Promise<unknown> = Promise.resolve();

  /** Use `openPredictor()`. Takes ownership of the graph. */
  constructor(
    { base, maxBatchTokens = 1024, maxLength = base.config.maxPositions }: PredictorOptions,
    graph: OpenGraph,
    tensors: ReadonlyMap<string, TensorData>,
  ) {
    this.#base = base;
    this.#maxBatchTokens = maxBatchTokens;
    this.#maxLength = maxLength;
    this.#graph = graph;
    this.#binding = graph.createBinding();
    for (const [name, data] of tensors) this.#bind(name, data);
  }

  /**
   * @returns f32 numbers for each row, in the order of the rows; of a base with `perToken` [tokens, labels] for each row
   * @throws EspalierError MODEL_CONTEXT_EXCEEDED, MODEL_TOKEN_OUT_OF_RANGE, before anything is run
   */
  async predict(rows: readonly PredictRow[], { signal }: PredictOptions = {}): Promise<readonly Float32Array[]> {
    for (const row of rows) this.#check(row);
    const results: Float32Array[] = [];
    for (const batch of this.#plan(rows)) {
      // A graph with a fixed batch gets its last row again until the batch is full.
      const count = this.#base.fixedBatch?.rows ?? batch.length;
      const given = Array.from({ length: count }, (_, at) => batch[Math.min(at, batch.length - 1)] ?? 0);
      const values = await this.#run(
        given.flatMap((index) => rows[index] ?? []),
        signal,
      );
      const width = values.length / count;
      const longest = Math.max(...batch.map((index) => lengthAt(rows, index)));
      for (const [at, index] of batch.entries()) {
        // A row has numbers for each of its tokens, and for the padding behind them.
        const own = this.#base.perToken === true ? (width / longest) * lengthAt(rows, index) : width;
        results[index] = values.slice(at * width, at * width + own);
      }
    }
    return results;
  }

  /** Idempotent. */
  dispose(): void {
    this.#binding.dispose();
    this.#graph.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #plan(rows: readonly PredictRow[]): number[][] {
    const most = this.#base.fixedBatch?.rows ?? Infinity;
    return planBatches(rows.map(lengthOf), this.#maxBatchTokens).flatMap((batch) =>
      batch.length <= most
        ? [batch]
        : Array.from({ length: Math.ceil(batch.length / most) }, (_, i) => batch.slice(i * most, (i + 1) * most)),
    );
  }

  /** Runs one batch after the earlier calls. @returns the results of all rows, concatenated */
  #run(rows: readonly PredictRow[], signal: AbortSignal | undefined): Promise<Float32Array> {
    const run = async (): Promise<Float32Array> => {
      signal?.throwIfAborted();
      const { session, inputs } = this.#graph;
      const feeds = Object.entries(collateRows(rows, this.#base.padTokenId ?? 0));
      for (const [name, data] of feeds) if (inputs.has(name)) this.#bind(name, data);
      const [output] = session.outputs;
      this.#binding.bindOutputToHost(output?.name ?? '');
      await session.run(this.#binding, { signal });
      const [result] = this.#binding.outputs();
      return result === undefined ? new Float32Array() : toFloat32(result.tensor);
    };
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #bind(name: string, { dtype, shape, bytes }: TensorData): void {
    using memory = NativeMemory.allocate(bytes.byteLength);
    memory.bytes().set(bytes);
    using tensor = OrtTensor.over(memory, dtype, shape);
    this.#binding.bindInput(name, tensor);
  }

  #check(row: PredictRow): void {
    if ('inputs' in row) return;
    const { vocabSize } = this.#base.config;
    const ids = Array.from(row.inputIds);
    if (ids.length > this.#maxLength) {
      throw new EspalierError('MODEL_CONTEXT_EXCEEDED', { length: ids.length, limit: this.#maxLength });
    }
    const index = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (index < 0) return;
    throw new EspalierError('MODEL_TOKEN_OUT_OF_RANGE', { token: ids[index] ?? NaN, index, vocabSize });
  }
}

function lengthAt(rows: readonly PredictRow[], index: number): number {
  const row = rows[index];
  return row === undefined ? 1 : lengthOf(row);
}
