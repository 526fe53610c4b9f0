import type { Environment, OrtTensor, TensorMemory } from '../../onnxruntime/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { OnWritten } from './written-marks.ts';
import type { ParameterArena, ParameterEntry, ParameterSpec } from './parameter-arena.ts';

/** The place of a pass in a training. Both numbers count from 0. */
export interface PassPlace {
  readonly step: number;
  readonly microBatch: number;
  /** Whether the parameters are those of the runner's pass before, so that a device need not be given them again. Default: false. */
  readonly sameParameters?: boolean;
}

/** The results of a pass. */
export interface LossResult {
  /** Sum over the targets, in nats for a cross entropy. */
  readonly lossSum: number;
  /** Number of rows whose largest logit is at their label; only for classification. */
  readonly correct: number | undefined;
  /** Where the gradients were written, until the runner's next pass; undefined: in the memory that it was opened with. */
  readonly gradients?: ParameterArena | undefined;
}

/** Computes the loss of batches, and their gradients if it was opened for a training. */
export interface PassRunner extends Disposable {
  /**
   * One forward (and, for a training, backward) pass.
   * @param place  the position of the pass in the training; it determines the dropout masks
   * @param onWritten  may be told, while the pass goes on, which gradients are written; until then they must not be touched
   */
  run(micro: MicroBatch, place?: PassPlace, onWritten?: OnWritten): Promise<LossResult>;
  dispose(): void;
}

/** Passes whose parameters and gradients are one flat array f32 each, in memory beside the graph: that of its device. */
export interface FlatPasses extends PassRunner {
  /** Whether the graph reads and writes them on a device. */
  readonly isOnDevice: boolean;
  /** Allocates memory where the graph reads and writes, filled with zeros. @throws EspalierError DEVICE_MEMORY */
  allocate(byteLength: number, what: string): Promise<TensorMemory>;
  /** Says where the next passes read the parameters, or write the gradients. */
  bindFlat(what: 'parameters' | 'gradients', tensor: OrtTensor<TensorMemory>): void;
}

/** The layout of flat arrays: that of an arena. */
export interface FlatLayout {
  readonly entries: readonly ParameterEntry[];
  /** Elements, gaps included. */
  readonly length: number;
}

/** The memory that a pass reads and writes. */
export interface BoundParameters {
  readonly environment: Environment;
  readonly parameters: ParameterArena;
  /** Ends a pass within it. What computes the passes of several trainings does not. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the passes of a training are computed: in a graph of its own, or together with those of other trainings. */
export interface Passes {
  /** What is trained, in the order of the graph. */
  readonly parameters: readonly ParameterSpec[];
  /** @param bound  with the memory for the gradients, in the layout of the parameters. Passes that write elsewhere do not touch it */
  openTraining(bound: BoundParameters & { readonly gradients: ParameterArena }): Promise<PassRunner>;
  /** The same passes over flat arrays; undefined where the passes of several trainings are computed together. */
  openFlatTraining?(layout: FlatLayout, bound: Omit<BoundParameters, 'parameters'>): Promise<FlatPasses>;
  openEvaluation(bound: BoundParameters): Promise<PassRunner>;
}
