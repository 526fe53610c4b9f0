import { systemClock, type Clock } from '../../core/index.ts';
import type { Environment } from '../../runtime/index.ts';
import { Evaluator, type Evaluation } from './evaluator.ts';
import { FirstStepsCheck } from './first-steps-check.ts';
import type { MetricsWriter, StepMetrics } from '../report/metrics.ts';
import { createOptimizer } from '../optimizer/create-optimizer.ts';
import type { ParameterGroup } from '../optimizer/optimizer.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { TrainingInputs } from './training-inputs.ts';
import { learningRateAt } from '../optimizer/schedule.ts';
import type { TrainEvent, TrainResult } from '../report/train-result.ts';
import { Trainer } from './trainer.ts';
import { createLossGraph, type LossGraph } from '../graph/loss-graph.ts';
import { LossSession } from '../graph/loss-session.ts';

export interface TrainingRunOptions {
  readonly environment: Environment;
  readonly signal?: AbortSignal;
  readonly metrics: MetricsWriter;
  readonly onEvent: (event: TrainEvent) => void;
  readonly clock?: Clock;
}

/** What the steps of a training came to. */
export type TrainTrace = Omit<TrainResult, 'output' | 'plan' | 'seconds'>;

/** One training under way: the weights, and the steps that change them. */
export class TrainingRun implements Disposable {
  readonly #prepared: TrainingInputs;
  readonly #options: TrainingRunOptions;
  readonly #graph: LossGraph;
  readonly #parameters: ParameterArena;
  readonly #evaluator: Evaluator | undefined;

  private constructor(prepared: TrainingInputs, options: TrainingRunOptions, graph: LossGraph) {
    this.#prepared = prepared;
    this.#options = options;
    this.#graph = graph;
    this.#parameters = new ParameterArena(graph.parameters);
    this.#evaluator = this.#createEvaluator();
  }

  static async open(prepared: TrainingInputs, options: TrainingRunOptions): Promise<TrainingRun> {
    const { base, trainable, objective, maxLength, config } = prepared;
    const graphOptions = { trainable, objective, maxLength, seed: config.seed, gradients: true };
    const run = new TrainingRun(prepared, options, await createLossGraph(base, graphOptions));
    try {
      await trainable.initialize(run.#parameters);
      return run;
    } catch (error) {
      run.dispose();
      throw error;
    }
  }

  get parameterCount(): number {
    return this.#parameters.parameterCount;
  }

  /** Takes every step, evaluating before and after. Ends early, without an error, when the signal is aborted after a step. */
  async train(): Promise<TrainTrace> {
    const before = await this.#evaluate(0);
    using gradients = new ParameterArena(this.#graph.parameters);
    const taken = await this.#trainSteps(gradients);
    const { signal } = this.#options;
    const last = taken.at(-1);
    if (last === undefined) signal?.throwIfAborted();
    const interrupted = signal?.aborted === true;
    const after = interrupted || last?.evalLoss !== undefined ? undefined : await this.#evaluate(taken.length);
    return {
      steps: taken.length,
      interrupted,
      firstLoss: taken[0]?.loss ?? NaN,
      lastLoss: last?.loss ?? NaN,
      evalLossBefore: before?.loss,
      evalLossAfter: last?.evalLoss ?? after?.loss,
      ...accuracies(before?.accuracy, last?.evalAccuracy ?? after?.accuracy),
      targetTokens: taken.reduce((sum, { targetTokens }) => sum + targetTokens, 0),
    };
  }

  async #trainSteps(gradients: ParameterArena): Promise<StepMetrics[]> {
    const { config, data, steps, learningRate } = this.#prepared;
    const { signal, metrics, onEvent } = this.#options;
    using session = await this.#openSession(gradients);
    using trainer = this.#createTrainer(session, gradients);
    const check = await this.#beginCheck();
    const taken: StepMetrics[] = [];
    const schedule = { schedule: config.schedule, learningRate, warmupSteps: config.warmupSteps, totalSteps: steps };
    for (const microBatches of data.steps(config)) {
      if (signal?.aborted === true) break;
      const stepped = await trainer.step(microBatches, learningRateAt(taken.length, schedule));
      await check.after(stepped.step, { learningRate: stepped.learningRate, last: stepped.step === steps });
      const line = await this.#evaluated(stepped);
      await metrics.write(line);
      taken.push(line);
      onEvent({ kind: 'stepped', metrics: line, steps });
    }
    return taken;
  }

  #openSession(gradients: ParameterArena): Promise<LossSession> {
    const { trainable } = this.#prepared;
    const { environment } = this.#options;
    const [parameters, dropout] = [this.#parameters, trainable.dropout];
    return LossSession.open(this.#graph, { environment, parameters, gradients, dropout });
  }

  #createTrainer(session: LossSession, gradients: ParameterArena): Trainer {
    const { config } = this.#prepared;
    return new Trainer({
      session,
      parameters: this.#parameters,
      gradients,
      optimizer: createOptimizer(config.optimizer, this.#parameters.flat, config),
      groups: this.#groups(),
      maxGradNorm: config.maxGradNorm,
      clock: this.#options.clock ?? systemClock,
    });
  }

  /** Neighbours with the same decay make one group; the gaps between them stay 0. */
  #groups(): ParameterGroup[] {
    const { config, trainable } = this.#prepared;
    const groups: ParameterGroup[] = [];
    for (const entry of this.#parameters.entries) {
      const weightDecay = trainable.decays(entry) ? config.weightDecay : 0;
      const before = groups.at(-1);
      if (before?.weightDecay === weightDecay) groups[groups.length - 1] = { ...before, end: entry.end };
      else groups.push({ start: entry.start, end: entry.end, weightDecay });
    }
    return groups;
  }

  #beginCheck(): Promise<FirstStepsCheck> {
    const { trainable } = this.#prepared;
    const watched = this.#parameters.entries.filter((entry) => trainable.mustMove(entry));
    return FirstStepsCheck.begin(this.#parameters, watched);
  }

  /** The step's line, with the held-out loss where one is due. */
  async #evaluated(line: StepMetrics): Promise<StepMetrics> {
    const { evalSteps } = this.#prepared.config;
    if (evalSteps === undefined || line.step % evalSteps !== 0) return line;
    const evaluation = await this.#evaluate(line.step);
    if (evaluation === undefined) return line;
    const { loss: evalLoss, accuracy: evalAccuracy } = evaluation;
    return { ...line, evalLoss, ...(evalAccuracy !== undefined && { evalAccuracy }) };
  }

  #createEvaluator(): Evaluator | undefined {
    const { evalData, base, trainable, objective, maxLength, config } = this.#prepared;
    if (evalData === undefined) return undefined;
    return new Evaluator({
      environment: this.#options.environment,
      base,
      trainable,
      parameters: this.#parameters,
      objective,
      data: evalData,
      batchSize: config.batchSize,
      maxLength,
      keepLoaded: config.evalSteps !== undefined,
    });
  }

  async #evaluate(step: number): Promise<Evaluation | undefined> {
    const { signal, onEvent } = this.#options;
    const evaluation = await this.#evaluator?.evaluate({ signal }).catch((error: unknown) => {
      // WHY not an error: what has been trained by then is to be saved.
      if (step > 0 && signal?.aborted === true) return undefined;
      throw error;
    });
    if (evaluation !== undefined) onEvent({ kind: 'evaluated', step, ...evaluation });
    return evaluation;
  }

  /** Writes what is trained so far. The folder does not exist yet. */
  save(dir: string): Promise<void> {
    return this.#prepared.trainable.save(dir, this.#parameters);
  }

  dispose(): void {
    this.#evaluator?.dispose();
    this.#parameters.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function accuracies(before: number | undefined, after: number | undefined): Partial<TrainTrace> {
  return {
    ...(before !== undefined && { evalAccuracyBefore: before }),
    ...(after !== undefined && { evalAccuracyAfter: after }),
  };
}
