import { EspalierError, ResourceStack, type Clock } from '../../core/index.ts';
import type { NativeMemory } from '../../native/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { planStart, type DataPosition } from '../data/step-plan.ts';
import type { HeldTraining } from '../device/held-training.ts';
import { openHeld } from '../device/open-held.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { PassRunner } from '../graph/passes.ts';
import { createOptimizer } from '../optimizer/create-optimizer.ts';
import type { Optimizer } from '../optimizer/optimizer.ts';
import { copyOptimizerState, OptimizerMemory, restoreOptimizerState } from '../optimizer/optimizer-memory.ts';
import { learningRateAt, warmupOf } from '../optimizer/schedule.ts';
import type { StepMetrics } from '../report/metrics.ts';
import { groupsOf } from './parameter-groups.ts';
import type { RunState } from './run-state.ts';
import { ofAllRanks, wholeShare, type RankShare } from '../ranks/rank-share.ts';
import { MergedArrays } from '../ranks/merged-arrays.ts';
import { Trainer, type LocalCounts, type ReduceStep } from './trainer.ts';
import type { TrainingInputs } from './training-inputs.ts';
import type { TrainingModel } from './training-model.ts';

/** The state of an earlier run. */
export interface ResumedState extends Omit<RunState, 'optimizer'> {
  readonly optimizer: Omit<RunState['optimizer'], 'moments'> & {
    /** Arrays, which are copied, or memory, which is taken over without a copy. */
    readonly moments: RunState['optimizer']['moments'] | ReadonlyMap<string, NativeMemory>;
  };
}

export interface StepLoopOptions {
  readonly environment: Environment;
  /** The state in which an earlier run stopped. The weights of the model must be those of that moment. */
  readonly from?: ResumedState | undefined;
  readonly reduce?: ReduceStep | undefined;
  /** With `localSteps`: replaces arrays by their mean over all ranks. */
  readonly merge?: ((arrays: MergedArrays, own: LocalCounts) => Promise<LocalCounts>) | undefined;
  /** The part of each batch that this process takes. Default: all of it. */
  readonly share?: RankShare | undefined;
  /** Ends a pass within it. */
  readonly stop?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Whether parameters, gradients and state are kept beside the graph, where the rule of `isToBeHeld` allows it. Default: on WebGPU. */
  readonly held?: boolean | undefined;
}

interface StepLoopParts {
  readonly session: PassRunner;
  readonly gradients: ParameterArena;
  readonly memory: OptimizerMemory;
  readonly optimizer: Optimizer;
  readonly trainer: Trainer;
  readonly held: HeldTraining | undefined;
  /** Why the host keeps what the device should. */
  readonly trouble: string | undefined;
}

/**
 * Takes the steps of a training, one after the other. It owns the loaded graph, the gradients and the memory of the optimizer. The
 * model owns the weights.
 */
export class StepLoop implements Disposable {
  readonly #inputs: TrainingInputs;
  readonly #parts: StepLoopParts;
  readonly #share: RankShare;
  readonly #model: TrainingModel;
  #position: DataPosition;

  private constructor(
    inputs: TrainingInputs,
    parts: StepLoopParts,
    own: { readonly position: DataPosition; readonly share: RankShare; readonly model: TrainingModel },
  ) {
    this.#inputs = inputs;
    this.#parts = parts;
    this.#position = own.position;
    this.#share = own.share;
    this.#model = own.model;
  }

  /** @throws EspalierError TRAIN_STATE_MISMATCH if the state belongs to another training */
  static async open(inputs: TrainingInputs, model: TrainingModel, options: StepLoopOptions): Promise<StepLoop> {
    const { from, environment } = options;
    assertFits(inputs, from);
    const { passes, parameters } = model;
    const gradients = new ParameterArena(passes.parameters);
    const moments = from?.optimizer.moments;
    const memory = new OptimizerMemory({
      dtype: inputs.config.optimizerDtype,
      from: isMapped(moments) ? moments : undefined,
    });
    const opened = new ResourceStack();
    try {
      const { config } = inputs;
      const optimizer = createOptimizer(config.optimizer, parameters.flat, config, memory.allocate);
      if (from !== undefined) {
        const { name, steps, moments: stored } = from.optimizer;
        await restoreOptimizerState(optimizer, { name, steps, moments: isMapped(stored) ? optimizer.state : stored });
      }
      const groups = groupsOf(parameters.entries, inputs);
      const { share = wholeShare, reduce, stop } = options;
      const wish = { held: options.held, isAlone: reduce === undefined && share.worldSize === 1 };
      const begun = await openHeld({ environment, passes, parameters, optimizer, groups, config, wish, stop });
      const { held } = begun;
      const session = opened.use(
        held === undefined
          ? await passes.openTraining({ environment, parameters, gradients, signal: stop })
          : begun.session,
      );
      if (held !== undefined) opened.use(held);
      model.hold(held);
      const merged = new MergedArrays([parameters.flat, ...Object.values(optimizer.state)], groups);
      const { merge } = options;
      const trainer = new Trainer({
        session,
        parameters,
        gradients,
        optimizer,
        groups,
        maxGradNorm: config.maxGradNorm,
        maxSkippedSteps: config.maxSkippedSteps,
        skipped: from?.skipped ?? 0,
        step: from?.step ?? 0,
        reduce,
        local:
          merge && config.localSteps !== undefined
            ? { batches: config.accumulate, merge: (own) => merge(merged, own) }
            : undefined,
        share,
        held,
        ...(options.clock && { clock: options.clock }),
      });
      const trouble = held === undefined ? begun.trouble : undefined;
      const parts = { session, gradients, memory, optimizer, trainer, held, trouble };
      return new StepLoop(inputs, parts, { position: (from ?? planStart).position, share, model });
    } catch (error) {
      model.hold(undefined);
      opened.dispose();
      gradients.dispose();
      memory.dispose();
      throw error;
    }
  }

  /** Takes the remaining steps, each when it is asked for. If the signal is aborted, it ends early between two steps. */
  async *steps(signal?: AbortSignal): AsyncGenerator<StepMetrics> {
    const { data, config, steps, learningRate } = this.#inputs;
    const { trainer } = this.#parts;
    const { schedule: name, minLearningRate } = config;
    const warmupSteps = warmupOf(config, steps);
    const schedule = { schedule: name, learningRate, minLearningRate, warmupSteps, totalSteps: steps };
    const start = { step: trainer.steps, position: this.#position };
    for await (const { next, ...rows } of data.steps(ofAllRanks(config, this.#share), start, this.#share)) {
      if (signal?.aborted === true) return;
      const metrics = await trainer.step(rows, learningRateAt(trainer.steps, schedule));
      this.#position = next;
      yield metrics;
    }
  }

  /** Whether parameters, gradients and state are kept beside the graph. */
  get isHeld(): boolean {
    return this.#parts.held !== undefined;
  }

  /** Why they are not, if they should be. */
  get trouble(): string | undefined {
    return this.#parts.trouble;
  }

  /**
   * As `state`, but the moments are the arrays that the optimizer goes on changing with the next step. Where they are kept beside the
   * graph, they are those of the model's last `read`.
   */
  get current(): RunState {
    const { trainer, optimizer } = this.#parts;
    const { name, steps, state } = optimizer;
    const { seed } = this.#inputs.config;
    return {
      step: trainer.steps,
      position: this.#position,
      optimizer: { name, steps, moments: state },
      skipped: trainer.skipped,
      random: { seed },
    };
  }

  /** The state from which another loop can continue, between two steps. It does not contain the weights. */
  async state(): Promise<RunState> {
    await this.#model.read();
    return { ...this.current, optimizer: await copyOptimizerState(this.#parts.optimizer) };
  }

  dispose(): void {
    const { session, gradients, memory, trainer, held } = this.#parts;
    this.#model.hold(undefined);
    held?.dispose();
    trainer.dispose();
    session.dispose();
    memory.dispose();
    gradients.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function isMapped(
  moments: ResumedState['optimizer']['moments'] | undefined,
): moments is ReadonlyMap<string, NativeMemory> {
  return moments instanceof Map;
}

function assertFits({ config }: TrainingInputs, from: ResumedState | undefined): void {
  if (from === undefined || from.random.seed === config.seed) return;
  const [expected, actual] = [`the seed ${config.seed}`, `the seed ${from.random.seed}`];
  throw new EspalierError('TRAIN_STATE_MISMATCH', { what: 'random numbers', expected, actual });
}
