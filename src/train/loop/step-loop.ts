import { EspalierError, type Clock } from '../../core/index.ts';
import type { NativeMemory } from '../../native/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { planStart, type DataPosition } from '../data/step-plan.ts';
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
}

interface StepLoopParts {
  readonly session: PassRunner;
  readonly gradients: ParameterArena;
  readonly memory: OptimizerMemory;
  readonly optimizer: Optimizer;
  readonly trainer: Trainer;
}

/**
 * Takes the steps of a training, one after the other. It owns the loaded graph, the gradients and the memory of the optimizer. The
 * model owns the weights.
 */
export class StepLoop implements Disposable {
  readonly #inputs: TrainingInputs;
  readonly #parts: StepLoopParts;
  readonly #share: RankShare;
  #position: DataPosition;

  private constructor(
    inputs: TrainingInputs,
    parts: StepLoopParts,
    { position, share }: { readonly position: DataPosition; readonly share: RankShare },
  ) {
    this.#inputs = inputs;
    this.#parts = parts;
    this.#position = position;
    this.#share = share;
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
    try {
      const { config } = inputs;
      const optimizer = createOptimizer(config.optimizer, parameters.flat, config, memory.allocate);
      if (from !== undefined) {
        const { name, steps, moments: stored } = from.optimizer;
        await restoreOptimizerState(optimizer, { name, steps, moments: isMapped(stored) ? optimizer.state : stored });
      }
      const session = await passes.openTraining({ environment, parameters, gradients, signal: options.stop });
      const groups = groupsOf(parameters.entries, inputs);
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
        reduce: options.reduce,
        local:
          merge && config.localSteps !== undefined
            ? { batches: config.accumulate, merge: (own) => merge(merged, own) }
            : undefined,
        share: options.share,
        ...(options.clock && { clock: options.clock }),
      });
      const parts = { session, gradients, memory, optimizer, trainer };
      const { share = wholeShare } = options;
      return new StepLoop(inputs, parts, { position: (from ?? planStart).position, share });
    } catch (error) {
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

  /** As `state`, but the moments are the arrays that the optimizer goes on changing with the next step. */
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
    return { ...this.current, optimizer: await copyOptimizerState(this.#parts.optimizer) };
  }

  dispose(): void {
    const { session, gradients, memory, trainer } = this.#parts;
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
