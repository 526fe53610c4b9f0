import type { GraphSessionOptions, OpenGraph } from '../../execution/index.ts';
import { type Environment, type IoBinding, OrtTensor, type TensorMemory } from '../../onnxruntime/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { dropoutKeysInput, dropoutRatioInput } from '../../lora/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { BatchMemory } from './batch-memory.ts';
import { keysOf } from './dropout-keys.ts';
import type { FlatPasses, LossResult, PassPlace, PassRunner } from './passes.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { LossGraph } from './loss-graph.ts';
import { flatNames } from './flat-graph.ts';
import { openLossGraph } from './open-loss-graph.ts';
import { type OnWritten, WrittenMarks } from './written-marks.ts';

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
  /** Ends a pass within it, and every pass after that. */
  readonly signal?: AbortSignal | undefined;
}

/** Offsets in bytes from the beginning of the scalars. */
const scalarPlaces = { loss: 0, dropout: 8, correct: 16 } as const;

/**
 * A loaded training graph with parameters and gradients bound in place. A run copies only the batch; on a device also the parameters, if
 * they may have changed, and the gradients. The session neither owns nor changes the parameters.
 */
export class LossSession implements PassRunner, FlatPasses {
  readonly #graph: OpenGraph;
  readonly #binding: IoBinding;
  readonly #scalars = NativeMemory.allocate(24);
  /** Whether the graph counts the rows that it gets right. */
  readonly #counts: boolean;
  /** Whether the graph has dropout. */
  readonly #hasKeys: boolean;
  readonly #seed: number;
  readonly #signal: AbortSignal | undefined;
  readonly #owned: OrtTensor[] = [];
  readonly #marks: WrittenMarks | undefined;
  readonly #rows = new BatchMemory();
  /** Counts the passes before which the parameters may have changed. */
  #version = 0;

  private constructor(
    graph: OpenGraph,
    { seed = 0, signal, marks }: Pick<LossSessionOptions, 'seed' | 'signal'> & Pick<LossGraph, 'marks'>,
  ) {
    this.#marks = marks.length > 0 ? new WrittenMarks(marks) : undefined;
    this.#seed = seed;
    this.#signal = signal;
    this.#hasKeys = graph.inputs.has(dropoutKeysInput);
    this.#graph = graph;
    this.#binding = graph.createBinding();
    this.#counts = graph.outputs.has('correct');
  }

  static async open(graph: LossGraph, options: LossSessionOptions): Promise<LossSession> {
    const open = await openLossGraph(graph, options);
    const result = new LossSession(open, { ...options, marks: graph.marks });
    result.#bindParameters(graph, options);
    result.#bindScalars(options);
    return result;
  }

  /** Loads a graph of `flattenGraph`. Bind its parameters and gradients before the first pass. */
  static async openFlat(
    graph: LossGraph,
    options: Omit<LossSessionOptions, 'parameters' | 'gradients'>,
  ): Promise<LossSession> {
    const result = new LossSession(await openLossGraph(graph, options), { ...options, marks: [] });
    result.#bindScalars(options);
    return result;
  }

  #bindParameters(graph: LossGraph, { parameters, gradients }: LossSessionOptions): void {
    for (const { name } of graph.parameters)
      this.#binding.bindInput(name, parameters.tensor(name), () => this.#version);
    for (const [name, output] of graph.gradientOf) {
      if (gradients !== undefined) this.#binding.bindOutput(output, gradients.tensor(name));
    }
    this.#marks?.bind(this.#binding);
  }

  async allocate(byteLength: number, what: string): Promise<TensorMemory> {
    const { session } = this.#graph;
    return (await session.allocateOnDevice(byteLength, what)) ?? NativeMemory.allocate(byteLength);
  }

  get isOnDevice(): boolean {
    const { deviceInputs, deviceOutputs } = this.#graph.session;
    return deviceInputs.has(flatNames.parameters) && deviceOutputs.has(flatNames.gradients);
  }

  bindFlat(what: keyof typeof flatNames, tensor: OrtTensor<TensorMemory>): void {
    if (what === 'parameters') this.#binding.bindInput(flatNames.parameters, tensor);
    else this.#binding.bindOutput(flatNames.gradients, tensor);
  }

  #bindScalars({ dropout = 0 }: Pick<LossSessionOptions, 'dropout'>): void {
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
   * @param onWritten  is told of buckets of gradients if the graph has marks
   */
  async run(
    micro: MicroBatch,
    place: PassPlace = { step: 0, microBatch: 0 },
    onWritten?: OnWritten,
  ): Promise<LossResult> {
    const keys = this.#hasKeys ? [keysOf(micro, { ...place, seed: this.#seed })] : [];
    this.#rows.bind(this.#binding, new Map([...micro.feeds, ...keys.map((data) => [dropoutKeysInput, data] as const)]));
    if (place.sameParameters !== true) this.#version++;
    const run = (): Promise<void> =>
      this.#graph.session.run(this.#binding, this.#signal === undefined ? {} : { signal: this.#signal });
    await (onWritten === undefined || this.#marks === undefined ? run() : this.#marks.during(run, onWritten));
    const lossSum = this.#scalars.float32(scalarPlaces.loss, 1)[0] ?? NaN;
    const correct = this.#counts ? Number(this.#scalars.bigInt64(scalarPlaces.correct, 1)[0]) : undefined;
    return { lossSum, correct };
  }

  dispose(): void {
    this.#binding.dispose();
    this.#graph.dispose();
    for (const tensor of this.#owned) tensor.dispose();
    this.#scalars.dispose();
    this.#marks?.dispose();
    this.#rows.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
