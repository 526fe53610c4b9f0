import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError, messageOf, systemClock, type Clock } from '../../core/index.ts';
import { StagedFolder, type Replacement } from '../../atomic-files/index.ts';
import { checkpointsOf, listCheckpoints } from '../../checkpoint/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { assertNoneUnfinished } from '../checkpoint/find-unfinished.ts';
import { TrainingCheckpoints } from '../checkpoint/training-checkpoints.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { PassRunner, Passes } from '../graph/passes.ts';
import { remarkOnRanks } from '../graph/remark-on-ranks.ts';
import { MetricsWriter, type OpenMetricsFile } from '../report/metrics.ts';
import { RunRecorder } from '../report/run-recorder.ts';
import { planOf } from '../report/plan-of.ts';
import { type AnswerPrompts, RunView } from '../report/run-view.ts';
import type { Companion } from '../together/companion.ts';
import { saveResult } from '../report/save-result.ts';
import type { TrainEvent, TrainResult } from '../report/train-result.ts';
import { BestWeights } from './best-weights.ts';
import { BestEvaluation } from './best-evaluation.ts';
import { Evaluator } from './evaluator.ts';
import { HeldOut } from './held-out.ts';
import { LastGoodWeights } from './last-good-weights.ts';
import { StepLoop } from './step-loop.ts';
import { StepWatch } from './step-watch.ts';
import { readTrainingInputs, type TrainingInputs } from './training-inputs.ts';
import { TrainingModel } from './training-model.ts';

export interface RunTrainingOptions {
  readonly environment: Environment;
  /** Ends the training after the current step, and saves the result so far. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  readonly clock?: Clock;
  /** The folder for the result if it cannot be written to its own place. Default: the folder for temporary files. */
  readonly rescueFolder?: string;
  /** Called before each operation of a checkpoint that changes the disk. A test can end the process there. */
  readonly beforeWrite?: (what: string) => void;
  /** Answers the prompts of `samplePrompt`. */
  readonly answer?: AnswerPrompts;
  /** Opens `metrics.jsonl`. A test can inject a file on a full disk. */
  readonly openMetrics?: OpenMetricsFile;
  /** The place of this training among others that are trained with it. */
  readonly companion?: Companion;
}

/** The options with their defaults. */
interface Run extends Omit<RunTrainingOptions, 'signal'> {
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: TrainEvent) => void;
  readonly clock: Clock;
}

/**
 * Trains with the given settings, and writes the output folder completely or not at all: an adapter in PEFT's layout, or a whole model,
 * with `metrics.jsonl`. The base is only read. Event files, a page and samples are made where the settings ask for them.
 *
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_BUSY before anything else; the errors of the base, the adapter and the data;
 *   TRAIN_NOT_FINITE, TRAIN_STUCK, TRAINING_DIVERGED; OUTPUT_RESCUED if the result had to be written elsewhere; the signal's reason if it
 *   is aborted before the first step has ended
 */
export async function runTraining(config: TrainConfig, options: RunTrainingOptions): Promise<TrainResult> {
  const { clock = systemClock, signal, answer, companion } = options;
  await using folder = await beginOutput(config);
  await assertNoneUnfinished(config);
  signal?.throwIfAborted();
  await using view = await RunView.open(config, { onEvent: options.onEvent ?? (() => undefined), answer });
  const onEvent = view.heard;
  const base = companion && { base: companion.base };
  await using inputs = await readTrainingInputs(config, { ...(signal && { signal }), ...base });
  const passes = await companion?.enter(inputs);
  const path = join(folder.staging, 'metrics.jsonl');
  const metrics = await openMetrics(folder, path, { onEvent, openMetrics: options.openMetrics });
  try {
    await inTurn(companion, () => view.sampleBefore(signal));
    const run = { ...options, clock, onEvent, signal };
    const result = await trainInto(folder, { inputs, metrics, run, passes });
    await inTurn(companion, () => view.sampleAfter(result, signal), { later: true });
    await view.end({ kind: 'result', result }, () => readFile(join(result.output, basename(path)), 'utf8'));
    return result;
  } catch (error) {
    await view.end({ kind: 'failed', reason: messageOf(error) }, async () => (await metrics.lines()).toString());
    throw error;
  } finally {
    await metrics.close();
  }
}

/**
 * Locks the output. WHY the lock first: a training that is running has checkpoints too, and must not be taken for an interrupted one.
 * @throws EspalierError OUTPUT_BUSY, OUTPUT_EXISTS, OUTPUT_NOT_OURS; TRAIN_UNFINISHED if what exists is that of an interrupted training
 */
async function beginOutput(config: TrainConfig): Promise<StagedFolder> {
  const replace = config.force || (await goesOn(config)) ? replacement(config) : undefined;
  try {
    return await StagedFolder.begin(config.output, { exclusive: true, replace });
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code === 'OUTPUT_EXISTS') await assertNoneUnfinished(config);
    throw error;
  }
}

/** An interrupted training may have left its result so far at the output. */
async function goesOn({ resume, output }: TrainConfig): Promise<boolean> {
  return resume && (await listCheckpoints(checkpointsOf(output))).length > 0;
}

function replacement({ full, base }: TrainConfig): Replacement {
  return full ? { kind: 'model', source: base } : { kind: 'adapter' };
}

async function openMetrics(
  folder: StagedFolder,
  path: string,
  { onEvent, openMetrics: openFile }: { onEvent: Run['onEvent']; openMetrics: OpenMetricsFile | undefined },
): Promise<MetricsWriter> {
  const onTrouble = (error: unknown): void => {
    const reason = messageOf(error);
    const message = `${basename(path)} cannot be written (${reason}). The training goes on; its lines and weights are kept in memory and written at the end.`;
    onEvent({ kind: 'warned', message });
  };
  try {
    return await MetricsWriter.create(path, { onTrouble, ...(openFile && { openFile }) });
  } catch (error) {
    throw await folder.explain(error);
  }
}

/** WHY: each of several trainings would load the base once more to ask the model. */
function inTurn(
  companion: Companion | undefined,
  task: () => Promise<void>,
  options: { readonly later?: boolean } = {},
): Promise<void> {
  return companion === undefined ? task() : companion.inTurn(task, options);
}

interface Parts {
  readonly inputs: TrainingInputs;
  readonly metrics: MetricsWriter;
  readonly run: Run;
  /** Where passes are computed with those of other trainings; undefined if it is alone. */
  readonly passes: Passes | undefined;
}

async function trainInto(folder: StagedFolder, { inputs, metrics, run, passes }: Parts): Promise<TrainResult> {
  const { clock, onEvent, signal } = run;
  const { rescueFolder } = inputs.config;
  const begin = clock.now();
  const remark = remarkOnRanks(inputs.trainable.lora, inputs.base.modules);
  if (remark !== undefined) onEvent({ kind: 'warned', message: remark });
  using model = await TrainingModel.open(inputs, passes);
  const plan = planOf(inputs, model.parameters.parameterCount);
  onEvent({ kind: 'planned', plan });
  const { environment, beforeWrite } = run;
  using bestWeights = new BestWeights(model, { isWanted: inputs.config.result === 'best' });
  const checkpoints = await TrainingCheckpoints.begin(inputs, model, {
    environment,
    clock,
    metrics,
    onEvent,
    signal,
    bestWeights,
    ...(beforeWrite && { beforeWrite }),
  });
  const recorder = new RunRecorder({ metrics, onEvent, steps: inputs.steps });
  const { resumed } = checkpoints;
  if (resumed !== undefined) {
    await metrics.append(resumed.metrics);
    recorder.resume(resumed.lines, resumed.state.evalBefore);
  }
  const ended = await takeSteps(model, { inputs, recorder, run, output: folder.path, checkpoints, bestWeights });
  run.companion?.leave();
  const addMetrics = (dir: string, where: 'same-disk' | 'elsewhere'): Promise<void> =>
    where === 'same-disk' ? metrics.moveInto(dir) : metrics.copyInto(dir);
  await saveResult(folder, { save: (dir) => model.save(dir, bestWeights.weights), addMetrics }, { rescueFolder });
  const interrupted = signal?.aborted === true;
  const seconds = (clock.now() - begin) / 1000;
  return { output: folder.path, plan, ...recorder.trace(), interrupted, ...ended, seconds };
}

interface TakenSteps {
  readonly inputs: TrainingInputs;
  readonly recorder: RunRecorder;
  readonly run: Run;
  /** The path of the result. */
  readonly output: string;
  readonly checkpoints: TrainingCheckpoints;
  readonly bestWeights: BestWeights;
}

/** Takes every step, and evaluates before and after. If the signal is aborted after a step, it ends early without an error. */
async function takeSteps(
  model: TrainingModel,
  { inputs, recorder, run, output, checkpoints, bestWeights }: TakenSteps,
): Promise<Pick<TrainResult, 'stoppedEarly' | 'best'>> {
  const { resumed } = checkpoints;
  const { signal, onEvent, environment, clock } = run;
  using evaluator = createEvaluator(inputs, model, environment);
  const heldOut = new HeldOut({ evaluator, evalSteps: inputs.config.evalSteps, signal, onEvent });
  const { minDelta, earlyStopping = Infinity } = inputs.config;
  const best = new BestEvaluation(resumed?.state.best, { minDelta });
  let isFinished = resumed?.state.finished === true;
  if (resumed === undefined) recorder.evaluated(await heldOut.measure(0), 'before');
  {
    using loop = await StepLoop.open(inputs, model, { environment, clock, from: resumed?.from });
    using lastGood = new LastGoodWeights(model, output);
    const watch = await StepWatch.begin(inputs, model, lastGood);
    if (resumed !== undefined) await watch.resume(resumed.state.watch, resumed.state.step);
    const running = { loop, watch, recorder, best };
    await watch.guard(async () => {
      // WHY: a training that was stopped early is not gone on with.
      if (isFinished) return;
      for await (const stepped of loop.steps(signal)) {
        await watch.after(stepped);
        const evaluation = await heldOut.after(stepped.step);
        best.after(stepped.step, evaluation);
        if (best.state?.step === stepped.step) await bestWeights.keep();
        await recorder.step(stepped, evaluation);
        isFinished = stepped.step === inputs.steps || (best.state?.since ?? 0) >= earlyStopping;
        await checkpoints.after(running, { finished: isFinished });
        if (isFinished) break;
      }
    });
    if (signal?.aborted === true) await checkpoints.interrupted(running);
  }
  const { last } = recorder;
  if (last === undefined) signal?.throwIfAborted();
  if (signal?.aborted !== true && last?.evalLoss === undefined) {
    const step = last?.step ?? 0;
    const evaluation = await heldOut.measure(step);
    recorder.evaluated(evaluation, 'after');
    best.after(step, evaluation);
    if (best.state?.step === step) await bestWeights.keep();
  }
  const { state } = best;
  const stoppedEarly = isFinished && (last?.step ?? 0) < inputs.steps;
  return { stoppedEarly, ...(state && { best: { step: state.step, loss: state.loss } }) };
}

function createEvaluator(
  { evalData: data, config }: TrainingInputs,
  { parameters, passes }: TrainingModel,
  environment: Environment,
): Evaluator | undefined {
  if (data === undefined) return undefined;
  const { batchSize, evalSteps } = config;
  const open = (): Promise<PassRunner> => passes.openEvaluation({ environment, parameters });
  return new Evaluator({ open, data, batchSize, keepLoaded: evalSteps !== undefined });
}
