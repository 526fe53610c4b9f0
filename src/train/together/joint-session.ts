import type { OpenGraph } from '../../execution/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { type Environment, type IoBinding, OrtTensor } from '../../onnxruntime/index.ts';
import { elementCount, tensorOf, type TensorData } from '../../tensor/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { BatchMemory } from '../graph/batch-memory.ts';
import { keysOf, noKeys } from '../graph/dropout-keys.ts';
import { openLossGraph } from '../graph/open-loss-graph.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import type { LossResult, PassPlace } from '../graph/passes.ts';
import type { JointGraph, Lane } from './joint-graph.ts';
import { mergeBatches, type LaneSizes } from './merge-batches.ts';
import { targetLossesOutput } from './target-losses.ts';

/** What a training reads and writes. */
export interface LaneMemory {
  readonly parameters: ParameterArena;
  /** Fraction of values that its adapter drops; 0 turns dropout off. */
  readonly dropout: number;
  readonly seed: number;
}

/** The rows of one training in a pass, and what it reads and writes. */
export interface LanePass {
  readonly memory: LaneMemory;
  /** Memory for the gradients, in the layout of the parameters; undefined in a session for evaluation. */
  readonly gradients: ParameterArena | undefined;
  readonly micro: MicroBatch;
  readonly place: PassPlace;
}

/** A loaded graph for the rows of several trainings. It neither owns nor changes the parameters. */
export class JointSession implements Disposable {
  readonly #graph: JointGraph;
  readonly #open: OpenGraph;
  readonly #binding: IoBinding;
  /** What is bound to each lane. */
  readonly #seated: LaneMemory[] = [];
  readonly #batch = new BatchMemory();
  readonly #sum = NativeMemory.allocate(4);
  readonly #ratios: NativeMemory;
  /** Where the gradients of lanes without rows go. */
  readonly #unused: NativeMemory;
  readonly #owned: OrtTensor[] = [];
  /** For each lane, where its gradients are written. */
  readonly #written: (ParameterArena | 'unused' | undefined)[] = [];
  #losses: NativeMemory | undefined;

  private constructor(graph: JointGraph, open: OpenGraph) {
    this.#graph = graph;
    this.#open = open;
    this.#binding = open.createBinding();
    this.#ratios = NativeMemory.allocate(4 * graph.lanes.length);
    const largest = graph.lanes.flatMap(({ parameters }) => parameters.map(({ shape }) => elementCount(shape)));
    this.#unused = NativeMemory.allocate(4 * Math.max(1, ...largest));
  }

  static async open(graph: JointGraph, { environment }: { readonly environment: Environment }): Promise<JointSession> {
    const open = await openLossGraph(graph, { environment });
    const session = new JointSession(graph, open);
    session.#bindFixed();
    return session;
  }

  #bindFixed(): void {
    for (const [lane, { dropout }] of this.#graph.lanes.entries()) {
      if (dropout === undefined) continue;
      this.#binding.bindInput(dropout.ratio, this.#own(OrtTensor.over(this.#ratios, 'float32', [], 4 * lane)));
    }
    this.#binding.bindOutput('loss_sum', this.#own(OrtTensor.over(this.#sum, 'float32', [], 0)));
    for (const lane of this.#graph.lanes.keys()) this.#leaveOut(lane);
  }

  /** Lets a lane read the parameters of a training. */
  #seat(lane: number, memory: LaneMemory): void {
    if (this.#seated[lane] === memory) return;
    for (const [name, input] of this.#graph.lanes[lane]?.inputOf ?? []) {
      this.#binding.bindInput(input, memory.parameters.tensor(name));
    }
    this.#ratios.float32(4 * lane, 1)[0] = memory.dropout;
    this.#seated[lane] = memory;
  }

  #own(tensor: OrtTensor): OrtTensor {
    this.#owned.push(tensor);
    return tensor;
  }

  /**
   * One pass over the rows of trainings, each in a lane of its form. The gradients of others are not changed.
   * @param passes   by the number of the lane; one at least
   * @param resting  what a lane without rows reads, of the lane's form; a lane that is not named keeps what it read before
   */
  async run(
    passes: ReadonlyMap<number, LanePass>,
    resting: ReadonlyMap<number, LaneMemory>,
  ): Promise<Map<number, LossResult>> {
    const { lanes, needsEqualTokens } = this.#graph;
    const batches = lanes.map((_, lane) => passes.get(lane)?.micro);
    const { feeds, sizes } = mergeBatches(batches, { equalTokens: needsEqualTokens });
    const keys = lanes.flatMap((lane, number) => this.#keysOf(lane, passes.get(number)));
    this.#batch.bind(this.#binding, new Map([...feeds, ...this.#rowFeeds(sizes), ...keys]));
    for (const lane of lanes.keys()) {
      const pass = passes.get(lane);
      const memory = pass?.memory ?? resting.get(lane);
      if (memory !== undefined) this.#seat(lane, memory);
      if (pass === undefined) this.#leaveOut(lane);
      else this.#takeIn(lane, pass.gradients);
    }
    const counts = sizes.map(({ targets }) => targets);
    const losses = this.#bindLosses(counts.reduce((sum, count) => sum + count, 0));
    await this.#open.session.run(this.#binding);
    const results = new Map<number, LossResult>();
    let start = 0;
    for (const [lane, count] of counts.entries()) {
      const pass = passes.get(lane);
      const lossSum = sumOf(losses, start, start + count);
      if (pass !== undefined) results.set(lane, { lossSum, correct: undefined, gradients: pass.gradients });
      start += count;
    }
    return results;
  }

  #keysOf({ dropout }: Lane, pass: LanePass | undefined): [string, TensorData][] {
    if (dropout === undefined) return [];
    const keys = pass === undefined ? noKeys : keysOf(pass.micro, { ...pass.place, seed: pass.memory.seed });
    return [[dropout.keys, keys]];
  }

  #rowFeeds(sizes: readonly LaneSizes[]): [string, TensorData][] {
    return [...this.#graph.rowInputs].map(([dim, input]) => {
      const counts = sizes.map((size) => (dim === 'batch' || dim === 'tokens' || dim === 'targets' ? size[dim] : NaN));
      return [input, tensorOf('int64', [counts.length], counts)];
    });
  }

  #takeIn(lane: number, gradients: ParameterArena | undefined): void {
    if (gradients === undefined || this.#written[lane] === gradients) return;
    for (const [name, output] of this.#graph.lanes[lane]?.gradientOf ?? []) {
      this.#binding.bindOutput(output, gradients.tensor(name));
    }
    this.#written[lane] = gradients;
  }

  /** WHY: a training that has no rows in this pass may still read its gradients, and they would become zeros. */
  #leaveOut(lane: number): void {
    if (this.#written[lane] === 'unused') return;
    this.#written[lane] = 'unused';
    const { gradientOf = new Map<string, string>(), parameters = [] } = this.#graph.lanes[lane] ?? {};
    const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
    for (const [name, output] of gradientOf) {
      using tensor = OrtTensor.over(this.#unused, 'float32', shapes.get(name) ?? [], 0);
      this.#binding.bindOutput(output, tensor);
    }
  }

  #bindLosses(targets: number): Float32Array {
    if (this.#losses === undefined || this.#losses.byteLength < 4 * targets) {
      this.#losses?.dispose();
      this.#losses = NativeMemory.allocate(Math.ceil(6 * targets));
    }
    using tensor = OrtTensor.over(this.#losses, 'float32', [targets], 0);
    this.#binding.bindOutput(targetLossesOutput, tensor);
    return this.#losses.float32(0, targets);
  }

  dispose(): void {
    this.#binding.dispose();
    this.#open.dispose();
    for (const tensor of this.#owned) tensor.dispose();
    for (const memory of [this.#sum, this.#ratios, this.#unused, this.#losses]) memory?.dispose();
    this.#batch.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function sumOf(losses: Float32Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += losses[i] ?? NaN;
  return sum;
}
