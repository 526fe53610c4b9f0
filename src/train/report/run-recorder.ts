import type { Evaluation } from '../loop/evaluator.ts';
import type { MetricsWriter, StepMetrics } from './metrics.ts';
import type { TrainEvent, TrainTrace } from './train-result.ts';

export interface RunRecorderOptions {
  readonly metrics: Pick<MetricsWriter, 'write'>;
  readonly onEvent: (event: TrainEvent) => void;
  /** Optimizer steps of the whole training. */
  readonly steps: number;
}

/** Records a training: a line and an event for each step, and the results of all steps. */
export class RunRecorder {
  readonly #options: RunRecorderOptions;
  #first: StepMetrics | undefined;
  #last: StepMetrics | undefined;
  #before: Evaluation | undefined;
  #after: Evaluation | undefined;
  #steps = 0;
  #targetTokens = 0;
  #skipped = 0;

  constructor(options: RunRecorderOptions) {
    this.#options = options;
  }

  /** @param evaluation  the evaluation after this step, if one was due */
  async step(stepped: StepMetrics, evaluation: Evaluation | undefined): Promise<void> {
    const { metrics, onEvent, steps } = this.#options;
    const line = evaluation === undefined ? stepped : { ...stepped, ...heldOut(evaluation) };
    await metrics.write(line);
    this.#first ??= line;
    this.#last = line;
    this.#after = evaluation;
    this.#steps += 1;
    this.#targetTokens += line.targetTokens;
    if (line.skipped !== undefined) {
      this.#skipped += 1;
      const message = `Step ${line.step} was skipped, because these are not finite: ${line.skipped}.`;
      onEvent({ kind: 'warned', message });
    }
    onEvent({ kind: 'stepped', metrics: line, steps });
  }

  /**
   * Goes on from an earlier run.
   * @param lines  its steps so far
   */
  resume(lines: readonly StepMetrics[], before: Stored | undefined): void {
    const last = lines.at(-1);
    [this.#first, this.#last] = [lines[0], last];
    this.#before = evaluationOf(before);
    this.#after = evaluationOf({ loss: last?.evalLoss, accuracy: last?.evalAccuracy });
    this.#steps = lines.length;
    this.#skipped = lines.filter(({ skipped }) => skipped !== undefined).length;
    this.#targetTokens = lines.reduce((sum, { targetTokens }) => sum + targetTokens, 0);
  }

  /** The evaluation before the first step. */
  get before(): Evaluation | undefined {
    return this.#before;
  }

  /** An evaluation before the first step or after the last. */
  evaluated(evaluation: Evaluation | undefined, when: 'before' | 'after'): void {
    if (when === 'before') this.#before = evaluation;
    else this.#after = evaluation;
  }

  /** The last step, if there was one. */
  get last(): StepMetrics | undefined {
    return this.#last;
  }

  trace(): TrainTrace {
    const [before, after] = [this.#before, this.#after];
    return {
      steps: this.#steps,
      firstLoss: this.#first?.loss ?? NaN,
      lastLoss: this.#last?.loss ?? NaN,
      evalLossBefore: before?.loss,
      evalLossAfter: after?.loss,
      ...(before?.accuracy !== undefined && { evalAccuracyBefore: before.accuracy }),
      ...(after?.accuracy !== undefined && { evalAccuracyAfter: after.accuracy }),
      targetTokens: this.#targetTokens,
      skippedSteps: this.#skipped,
    };
  }
}

interface Stored {
  readonly loss?: number | undefined;
  readonly accuracy?: number | undefined;
}

function evaluationOf({ loss, accuracy }: Stored = {}): Evaluation | undefined {
  return loss === undefined ? undefined : { loss, ...(accuracy !== undefined && { accuracy }) };
}

function heldOut({ loss, accuracy }: Evaluation): Pick<StepMetrics, 'evalLoss' | 'evalAccuracy'> {
  return { evalLoss: loss, ...(accuracy !== undefined && { evalAccuracy: accuracy }) };
}
