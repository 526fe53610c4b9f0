import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EspalierError, messageOf, systemClock, type Clock } from '../../core/index.ts';
import { StagedFolder, type Replacement } from '../../atomic-files/index.ts';
import { checkpointsOf, listCheckpoints } from '../../checkpoint/index.ts';
import { aloneTransport, ProcessGroup } from '../../collectives/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { assertNoneUnfinished } from '../checkpoint/find-unfinished.ts';
import { beginningOf, type Beginning } from '../checkpoint/resume.ts';
import { TrainingCheckpoints } from '../checkpoint/training-checkpoints.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { fittingProvider } from '../graph/logit-rows.ts';
import type { PassRunner, Passes } from '../graph/passes.ts';
import { fitMemory, withChoice } from '../memory/fit-memory.ts';
import { forecastOf } from '../memory/plan-training.ts';
import { memoryChoiceSchema, type MemoryChoice } from '../memory/sparing-settings.ts';
import { remarkOnRanks } from '../graph/remark-on-ranks.ts';
import { compareWeights } from '../ranks/compare-ranks.ts';
import { TrainingGroup } from '../ranks/training-group.ts';
import { MetricsWriter, type OpenMetricsFile, writesNowhere } from '../report/metrics.ts';
import { RunRecorder } from '../report/run-recorder.ts';
import { planOf } from '../report/plan-of.ts';
import { type AnswerPrompts, RunView } from '../report/run-view.ts';
import type { Companion } from '../together/companion.ts';
import { saveResult } from '../report/save-result.ts';
import type { TrainEvent, TrainResult } from '../report/train-result.ts';
import { BestWeights } from './best-weights.ts';
import { BestEvaluation } from './best-evaluation.ts';
import { Evaluator } from './evaluator.ts';
import { remarkOnHost } from '../device/open-held.ts';
import { HeldOut } from './held-out.ts';
import { LastGoodWeights } from './last-good-weights.ts';
import { StepLoop } from './step-loop.ts';
import { StepWatch } from './step-watch.ts';
import { readTrainingInputs, type TrainingInputs } from './training-inputs.ts';
import { marksAreOrdered } from '../graph/written-marks.ts';
import { TrainingModel, type ModelOptions } from './training-model.ts';

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
  /**
   * The processes that train together: each is called with the same settings, and takes its part of every batch. Rank 0 writes the
   * result and tells of what happens; the others tell of warnings only. The caller closes it. Default: this process alone.
   */
  readonly group?: ProcessGroup;
  /** How the gradients of the processes are summed. A test or a measurement can choose. */
  readonly sums?: {
    /** Of the gradients of a bucket, at least. The same on every process. Default: as `bucketsOf` chooses. */
    readonly bucketBytes?: number;
    /** Whether they begin while the backward pass goes on. Default: where the processor allows it. */
    readonly overlap?: boolean;
  };
  /** Whether parameters, gradients and state are kept beside the graph, as `StepLoopOptions.held`. */
  readonly held?: boolean;
}

/** The options with their defaults. */
interface Run extends Omit<RunTrainingOptions, 'signal' | 'group'> {
  readonly group: TrainingGroup;
  readonly onEvent: (event: TrainEvent) => void;
  readonly clock: Clock;
}

/**
 * Trains with the given settings, and writes the output folder completely or not at all: an adapter in PEFT's layout, or a whole model,
 * with `metrics.jsonl`. The base is only read. Event files, a page and samples are made where the settings ask for them.
 *
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_BUSY before anything else; the errors of the base, the adapter and the data;
 *   TRAIN_NOT_FINITE, TRAIN_STUCK, TRAINING_DIVERGED; OUTPUT_RESCUED if the result had to be written elsewhere; the signal's reason if it
 *   is aborted before the first step has ended. Of several ranks: TRAIN_RANKS_DIFFER, and the errors of the group
 */
export async function runTraining(settings: TrainConfig, options: RunTrainingOptions): Promise<TrainResult> {
  const config = fittingProvider(settings, options.environment);
  const { clock = systemClock, onEvent = () => undefined } = options;
  const group = new TrainingGroup(options.group ?? new ProcessGroup(aloneTransport()), options.signal);
  const run = { ...options, clock, group };
  try {
    return await (group.leads
      ? lead(config, { ...run, onEvent })
      : follow(config, { ...run, onEvent: warnings(onEvent) }));
  } catch (error) {
    await group.abort(messageOf(error));
    throw error;
  }
}

/** Trains as the process that writes the result: the only one, or rank 0. */
async function lead(config: TrainConfig, run: Run): Promise<TrainResult> {
  const { answer, group, companion, openMetrics: openFile } = run;
  const signal = group.stopping;
  await using folder = await beginOutput(config);
  await assertNoneUnfinished(config);
  signal?.throwIfAborted();
  await using view = await RunView.open(config, { onEvent: run.onEvent, answer });
  const onEvent = view.heard;
  const base = companion && { base: companion.base };
  const began = config.resume ? await beginningOf(checkpointsOf(config.output)) : undefined;
  await group.agreeOnBatch(began?.ranks ?? group.share.worldSize);
  const reading = { share: group.share, ...(signal && { signal }), ...base };
  await using read = await readTrainingInputs(config, reading);
  const inputs = await fitted(read, { group, began });
  const passes = await companion?.enter(inputs);
  const path = join(folder.staging, 'metrics.jsonl');
  const metrics = await openMetrics(folder, path, { onEvent, openMetrics: openFile });
  try {
    await inTurn(companion, () => view.sampleBefore(signal));
    const result = await trainInto(folder, { inputs, metrics, run: { ...run, onEvent }, passes });
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

/** Trains as another rank, which writes nothing. */
async function follow(config: TrainConfig, run: Run): Promise<TrainResult> {
  const { group } = run;
  const signal = group.stopping;
  await group.agreeOnBatch(0);
  await using read = await readTrainingInputs(config, { share: group.share, ...(signal && { signal }) });
  const inputs = await fitted(read, { group, began: undefined });
  const metrics = await MetricsWriter.create('', { openFile: writesNowhere });
  return await trainInto(undefined, { inputs, metrics, run, passes: undefined });
}

/** Chooses what fits into the memory limit, the same for all ranks, and for a training that is gone on with what it began with. */
async function fitted(
  inputs: TrainingInputs,
  { group, began }: { readonly group: TrainingGroup; readonly began: Beginning | undefined },
): Promise<TrainingInputs> {
  if (inputs.config.memoryLimit === undefined) return inputs;
  const { batchRanks, worldSize } = group.share;
  const shares = Array.from({ length: worldSize }, (_, rank) => ({ rank, worldSize, batchRanks }));
  const choose = async (): Promise<MemoryChoice | undefined> => {
    const again = began && { settings: began.fingerprint };
    return (await fitMemory(inputs, (each) => forecastOf(each, { shares, signal: group.stopping }), again)).memory;
  };
  const memory = await group.shareText(group.leads ? JSON.stringify(await choose()) : undefined);
  return withChoice(inputs, memoryChoiceSchema.parse(JSON.parse(memory)));
}

function warnings(onEvent: Run['onEvent']): Run['onEvent'] {
  return (event) => {
    if (event.kind === 'warned') onEvent(event);
  };
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

/** @param folder  of the rank that writes the result */
async function trainInto(
  folder: StagedFolder | undefined,
  { inputs, metrics, run, passes }: Parts,
): Promise<TrainResult> {
  const { clock, onEvent, group } = run;
  const output = folder?.path ?? resolve(inputs.config.output);
  const { rescueFolder } = inputs.config;
  const begin = clock.now();
  const remark = remarkOnRanks(inputs.trainable.lora, inputs.base.modules);
  if (remark !== undefined) onEvent({ kind: 'warned', message: remark });
  using model = await TrainingModel.open(inputs, { passes, marks: marksOf(inputs, run) });
  const plan = planOf(inputs, model.parameters.entries);
  onEvent({ kind: 'planned', plan });
  const { environment, beforeWrite } = run;
  using bestWeights = new BestWeights(model, { isWanted: group.leads && inputs.config.result === 'best' });
  const checkpoints = await TrainingCheckpoints.begin(inputs, model, {
    environment,
    clock,
    metrics,
    onEvent,
    signal: group.stopping,
    bestWeights,
    group,
    ...(beforeWrite && { beforeWrite }),
  });
  const recorder = new RunRecorder({ metrics, onEvent, steps: inputs.steps });
  const { resumed } = checkpoints;
  if (resumed !== undefined) {
    await metrics.append(resumed.metrics);
    recorder.resume(resumed.lines, resumed.state.evalBefore);
  }
  const ended = await takeSteps(model, { inputs, recorder, run, output, checkpoints, bestWeights });
  run.companion?.leave();
  await compareWeights(group, model.parameters, recorder.last?.step ?? 0);
  const addMetrics = (dir: string, where: 'same-disk' | 'elsewhere'): Promise<void> =>
    where === 'same-disk' ? metrics.moveInto(dir) : metrics.copyInto(dir);
  const save = (dir: string): Promise<void> => model.save(dir, bestWeights.weights);
  if (folder !== undefined) await saveResult(folder, { save, addMetrics }, { rescueFolder });
  await group.barrier();
  const interrupted = group.ending?.aborted === true;
  const seconds = (clock.now() - begin) / 1000;
  return { output, plan, ...recorder.trace(), interrupted, ...ended, seconds };
}

/** WHY not on a device: its gradients come to the host when the run has ended. */
function marksOf({ config }: TrainingInputs, { environment, group, sums = {} }: Run): ModelOptions['marks'] {
  const isTold = environment.provider === 'cpu' && marksAreOrdered && sums.overlap !== false;
  // With local steps gradients stay with their process.
  return isTold && !group.isAlone && config.localSteps === undefined ? { bucketBytes: sums.bucketBytes } : undefined;
}

/** Steps between two checks that all ranks have the same weights. WHY so many: each reads all of them. */
const stepsBetweenChecks = 50;

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
  const { group, onEvent, environment, clock } = run;
  const signal = group.ending;
  using evaluator = createEvaluator(inputs, model, run);
  const heldOut = new HeldOut({ evaluator, evalSteps: inputs.config.evalSteps, signal, onEvent });
  const { minDelta, earlyStopping = Infinity } = inputs.config;
  const best = new BestEvaluation(resumed?.state.best, { minDelta });
  let isFinished = resumed?.state.finished === true;
  if (resumed === undefined) recorder.evaluated(await heldOut.measure(0), 'before');
  {
    using loop = await StepLoop.open(inputs, model, {
      environment,
      clock,
      from: resumed?.from,
      share: group.share,
      stop: group.failed,
      // WHY as before: each way rounds in its own order.
      held: resumed === undefined ? run.held : resumed.state.held,
      reduce: group.isAlone ? undefined : { ...group.reduceStep, bucketBytes: run.sums?.bucketBytes },
      merge: (arrays, own) => group.merge(arrays, own),
    });
    const onHost = group.leads ? remarkOnHost(loop, resumed?.state.held === true) : undefined;
    if (onHost !== undefined) onEvent({ kind: 'warned', message: onHost });
    using lastGood = new LastGoodWeights(model, group.leads ? output : undefined);
    const watch = await StepWatch.begin(inputs, model, lastGood);
    if (resumed !== undefined) await watch.resume(resumed.state.watch, resumed.state.step);
    const running = { loop, watch, recorder, best };
    await watch.guard(async () => {
      // WHY: a training that was stopped early is not gone on with.
      if (isFinished) return;
      for await (const stepped of loop.steps(signal)) {
        await watch.after(stepped);
        if (stepped.step % stepsBetweenChecks === 0) await compareWeights(group, model.parameters, stepped.step);
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
    await model.read();
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
  model: TrainingModel,
  { environment, group }: Run,
): Evaluator | undefined {
  if (data === undefined) return undefined;
  const { batchSize, evalSteps } = config;
  const { parameters, passes } = model;
  const read = async (): Promise<void> => void (await model.read());
  const open = (): Promise<PassRunner> => passes.openEvaluation({ environment, parameters, signal: group.failed });
  return new Evaluator({ open, read, data, batchSize, keepLoaded: evalSteps !== undefined, group });
}
