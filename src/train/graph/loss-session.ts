import { openPreparedGraph, type GraphSessionOptions, type OpenGraph } from '../../execution/index.ts';
import { type Environment, type IoBinding, OrtTensor } from '../../onnxruntime/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { dropoutKeys, dropoutKeysInput, dropoutRatioInput } from '../../lora/index.ts';
import { elementCount, tensorOf, type TensorData } from '../../tensor/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { LossGraph } from './loss-graph.ts';

export interface LossSessionOptions {
  readonly environment: Environment;
  readonly parameters: ParameterArena;
  /** Memory for the gradients, in the layout of the parameters; absent in a session for evaluation. */
  readonly gradients?: ParameterArena;
  /** Fraction of values that adapters drop; 0 turns dropout off. */
  readonly dropout?: number;
  /** The seed of the dropout masks. */
  readonly seed?: number;
  readonly session?: GraphSessionOptions;
}

/** The place of a pass in a training. Both numbers count from 0. */
export interface PassPlace {
  readonly step: number;
  readonly microBatch: number;
}

/** The results of a pass. */
export interface LossResult {
  /** Sum over the targets, in nats for a cross entropy. */
  readonly lossSum: number;
  /** Number of rows whose largest logit is at their label; only for classification. */
  readonly correct: number | undefined;
}

/** Offsets in bytes from the beginning of the scalars. */
const scalarPlaces = { loss: 0, dropout: 8, correct: 16 } as const;

/**
 * A loaded training graph with parameters and gradients bound in place. A run copies only the batch. The session neither owns nor
 * changes the parameters.
 */
export class LossSession implements Disposable {
  readonly #graph: OpenGraph;
  readonly #binding: IoBinding;
  readonly #scalars = NativeMemory.allocate(24);
  /** Whether the graph counts the rows that it gets right. */
  readonly #counts: boolean;
  /** Whether the graph has dropout. */
  readonly #hasKeys: boolean;
  readonly #seed: number;
  readonly #owned: OrtTensor[] = [];
  #rows: NativeMemory | undefined;

  private constructor(graph: OpenGraph, seed: number) {
    this.#seed = seed;
    this.#hasKeys = graph.inputs.has(dropoutKeysInput);
    this.#graph = graph;
    this.#binding = graph.createBinding();
    this.#counts = graph.outputs.has('correct');
  }

  static async open(graph: LossGraph, options: LossSessionOptions): Promise<LossSession> {
    // WHY: the number of targets differs from run to run, so no memory plan is used twice. Without plans the peak is a quarter lower.
    const session = { varyingShapes: true, ...options.session };
    const open = await openPreparedGraph(graph, { environment: options.environment, session });
    const result = new LossSession(open, options.seed ?? 0);
    result.#bindFixed(graph, options);
    return result;
  }

  #bindFixed(graph: LossGraph, { parameters, gradients, dropout = 0 }: LossSessionOptions): void {
    for (const { name } of graph.parameters) this.#binding.bindInput(name, parameters.tensor(name));
    for (const [name, output] of graph.gradientOf) {
      if (gradients !== undefined) this.#binding.bindOutput(output, gradients.tensor(name));
    }
    this.#binding.bindOutput('loss_sum', this.#own(OrtTensor.over(this.#scalars, 'float32', [], scalarPlaces.loss)));
    if (this.#counts) {
      this.#binding.bindOutput('correct', this.#own(OrtTensor.over(this.#scalars, 'int64', [], scalarPlaces.correct)));
    }
    if (this.#graph.inputs.has(dropoutRatioInput)) {
      this.#scalars.float32(scalarPlaces.dropout, 1)[0] = dropout;
      const ratio = this.#own(OrtTensor.over(this.#scalars, 'float32', [], scalarPlaces.dropout));
      this.#binding.bindInput(dropoutRatioInput, ratio);
    }
  }

  #own(tensor: OrtTensor): OrtTensor {
    this.#owned.push(tensor);
    return tensor;
  }

  /**
   * One forward (and, with gradients, backward) pass.
   * @param place  the position of the pass in the training; it determines the dropout masks
   */
  async run({ feeds }: MicroBatch, place: PassPlace = { step: 0, microBatch: 0 }): Promise<LossResult> {
    const places = placesOf(this.#hasKeys ? withKeys(feeds, { ...place, seed: this.#seed }) : feeds);
    const memory = this.#memoryFor(places.at(-1)?.end ?? 0);
    for (const { name, data, start } of places) {
      memory.bytes(start, data.bytes.byteLength).set(data.bytes);
      using tensor = OrtTensor.over(memory, data.dtype, data.shape, start);
      this.#binding.bindInput(name, tensor);
    }
    await this.#graph.session.run(this.#binding);
    const lossSum = this.#scalars.float32(scalarPlaces.loss, 1)[0] ?? NaN;
    const correct = this.#counts ? Number(this.#scalars.bigInt64(scalarPlaces.correct, 1)[0]) : undefined;
    return { lossSum, correct };
  }

  /** Memory for this many bytes. It is kept from run to run, and grows by half. */
  #memoryFor(bytes: number): NativeMemory {
    if (this.#rows !== undefined && this.#rows.byteLength >= bytes) return this.#rows;
    this.#rows?.dispose();
    this.#rows = NativeMemory.allocate(Math.ceil(bytes * 1.5));
    return this.#rows;
  }

  dispose(): void {
    this.#binding.dispose();
    this.#graph.dispose();
    for (const tensor of this.#owned) tensor.dispose();
    this.#scalars.dispose();
    this.#rows?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Place {
  readonly name: string;
  readonly data: TensorData;
  readonly start: number;
  readonly end: number;
}

/** The offsets of a batch's tensors in one piece of memory, each aligned to 64 bytes. */
function placesOf(feeds: MicroBatch['feeds']): Place[] {
  let next = 0;
  return [...feeds].map(([name, data]) => {
    const start = next;
    const end = start + data.bytes.byteLength;
    next = Math.ceil(end / 64) * 64;
    return { name, data, start, end };
  });
}

/** Most keys of a batch. Further rows use the same keys again. */
const maxKeys = 1 << 16;

/** The batch with the dropout keys of its rows. The number of elements of the largest input bounds the number of rows. */
function withKeys(
  feeds: MicroBatch['feeds'],
  { seed, step, microBatch }: PassPlace & { seed: number },
): MicroBatch['feeds'] {
  const rows = Math.max(1, ...[...feeds.values()].map(({ shape }) => elementCount(shape)));
  const count = Math.min(rows, maxKeys);
  const keys = dropoutKeys(count, { seed, stream: `dropout/${step}/${microBatch}` });
  return new Map([...feeds, [dropoutKeysInput, tensorOf('int32', [count], keys)]]);
}
