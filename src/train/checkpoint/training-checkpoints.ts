import { rm } from 'node:fs/promises';
import { messageOf, type Clock } from '../../core/index.ts';
import {
  checkpointPath,
  checkpointsOf,
  keepOnly,
  listCheckpoints,
  writeCheckpoint,
  type PartContent,
  type WriteCheckpointOptions,
} from '../../checkpoint/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { StepLoop } from '../loop/step-loop.ts';
import type { StepWatch } from '../loop/step-watch.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import type { TrainingModel } from '../loop/training-model.ts';
import type { BestWeights } from '../loop/best-weights.ts';
import type { BestEvaluation } from '../loop/best-evaluation.ts';
import { compareRanks } from '../ranks/compare-ranks.ts';
import { shareResumed } from '../ranks/share-resumed.ts';
import type { TrainingGroup } from '../ranks/training-group.ts';
import type { MetricsWriter } from '../report/metrics.ts';
import type { RunRecorder } from '../report/run-recorder.ts';
import type { TrainEvent } from '../report/train-result.ts';
import type { Resumed } from './adopt-checkpoint.ts';
import { fingerprintOf, type Fingerprint } from './fingerprint.ts';
import { resumeTraining } from './resume.ts';
import { partNames, trainingKind, type TrainingState } from './training-state.ts';

/** WHY two: if the newest is found to be damaged, the one before it is used. */
const defaultKeep = 2;

export interface CheckpointsOptions extends WriteCheckpointOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly metrics: MetricsWriter;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal | undefined;
  readonly bestWeights: BestWeights;
  readonly group: TrainingGroup;
}

/** What a running training consists of, for a checkpoint of it. */
export interface RunningTraining {
  readonly loop: StepLoop;
  readonly watch: StepWatch;
  readonly recorder: RunRecorder;
  readonly best: BestEvaluation;
}

interface Saving {
  readonly fingerprint: Fingerprint;
  /** undefined: only when the training ends or is interrupted. */
  readonly saveSteps: number | undefined;
  readonly keep: number;
}

/** The checkpoints of a training: it goes on from one, and writes new ones. */
export class TrainingCheckpoints {
  readonly resumed: Resumed | undefined;
  readonly #inputs: TrainingInputs;
  readonly #model: TrainingModel;
  readonly #options: CheckpointsOptions;
  readonly #folder: string;
  /** undefined if none are written. */
  readonly #saving: Saving | undefined;
  /** The steps of the sound checkpoints that are there, in their order. */
  #steps: number[];

  private constructor(
    inputs: TrainingInputs,
    model: TrainingModel,
    own: { options: CheckpointsOptions; resumed: Resumed | undefined; saving: Saving | undefined; steps: number[] },
  ) {
    this.#inputs = inputs;
    this.#model = model;
    this.#folder = checkpointsOf(inputs.config.output);
    this.#options = own.options;
    this.resumed = own.resumed;
    this.#saving = own.saving;
    this.#steps = own.steps;
  }

  /**
   * Prepares the checkpoints of a training that begins. If it is to go on from an earlier one, the model then has the weights of that.
   * Of several ranks, rank 0 alone reads and writes them; all compare what they have to train.
   * @throws EspalierError the errors of `resumeTraining`; TRAIN_RANKS_DIFFER
   */
  static async begin(
    inputs: TrainingInputs,
    model: TrainingModel,
    options: CheckpointsOptions,
  ): Promise<TrainingCheckpoints> {
    const { config } = inputs;
    const { output, saveSteps, keep, resume, allowChanged: allowed = [] } = config;
    const folder = checkpointsOf(output);
    const { environment, onEvent, signal, group } = options;
    if (!resume && group.leads) await keepOnly(folder, new Set());
    const without = { options, resumed: undefined, saving: undefined, steps: [] };
    if (group.isAlone && !resume && saveSteps === undefined) return new TrainingCheckpoints(inputs, model, without);
    const fingerprint = await fingerprintOf(inputs, { initial: model.parameters, environment, signal });
    if (!group.isAlone) await compareRanks(group, { ...fingerprint, 'setting resume': String(resume) });
    const resuming = { folder, output, current: fingerprint, allowed, onEvent, signal };
    const parts = { model, best: options.bestWeights };
    const read = resume && group.leads ? await resumeTraining(parts, resuming) : undefined;
    const resumed = resume ? await shareResumed(group, model, read) : undefined;
    if (!group.leads) return new TrainingCheckpoints(inputs, model, { ...without, resumed });
    if (!resume && saveSteps === undefined) return new TrainingCheckpoints(inputs, model, without);
    remarkOnRanks(resumed, group, onEvent);
    const before = resumed?.state.saving;
    const saving = {
      fingerprint,
      saveSteps: saveSteps ?? before?.saveSteps,
      keep: keep ?? before?.keep ?? defaultKeep,
    };
    const last = resumed?.state.step ?? -1;
    const steps = (await listCheckpoints(folder)).map(({ step }) => step).filter((step) => step <= last);
    return new TrainingCheckpoints(inputs, model, { options, resumed, saving, steps: steps.reverse() });
  }

  /** Writes a checkpoint after a step if one is due: every `saveSteps` steps, after the best evaluation, and after the last step. */
  async after(running: RunningTraining, { finished }: { readonly finished: boolean }): Promise<void> {
    if (this.#saving === undefined) return;
    const { saveSteps } = this.#saving;
    const { step } = running.loop.current;
    const isBest = saveSteps !== undefined && running.best.state?.step === step;
    const isDue = saveSteps !== undefined && step % saveSteps === 0;
    if (isDue || isBest || finished) await this.#save(running, this.#saving, finished);
  }

  /** Writes a checkpoint of a training that was interrupted between two steps, unless there is one of this step. */
  async interrupted(running: RunningTraining): Promise<void> {
    const { step } = running.loop.current;
    if (this.#saving === undefined || step === 0 || this.#steps.includes(step)) return;
    await this.#save(running, this.#saving, false);
  }

  /** WHY no error: a training is not ended because a checkpoint cannot be written. An earlier one is still there. */
  async #save(running: RunningTraining, saving: Saving, finished: boolean): Promise<void> {
    const { onEvent, clock, beforeWrite } = this.#options;
    const { step } = running.loop.current;
    const path = checkpointPath(this.#folder, step);
    const begin = clock.now();
    // WHY outside: a device that is lost is no file that cannot be written.
    await this.#model.read();
    try {
      // WHY: a checkpoint of this step that was refused may lack its index, so that nothing would replace it.
      if (!this.#steps.includes(step)) await rm(path, { recursive: true, force: true });
      const state = this.#stateOf(running, saving, finished);
      const saveAdapter = this.#inputs.config.saveAdapters ? (dir: string) => this.#model.save(dir) : undefined;
      const content = { kind: trainingKind, state, parts: await this.#partsOf(running), saveAdapter };
      await writeCheckpoint(path, content, { beforeWrite });
      this.#steps = [...this.#steps.filter((each) => each !== step), step];
      await this.#prune(saving.keep, running.best.state?.step);
    } catch (error) {
      const reason = messageOf(error);
      const message = `No checkpoint of step ${step} could be written (${reason}). The training goes on.`;
      onEvent({ kind: 'warned', message });
      return;
    }
    onEvent({ kind: 'saved', step, checkpoint: path, seconds: (clock.now() - begin) / 1000 });
  }

  async #prune(keep: number, best: number | undefined): Promise<void> {
    const last = this.#steps.slice(-keep);
    this.#steps = this.#steps.filter((step) => last.includes(step) || step === best);
    await keepOnly(this.#folder, new Set(this.#steps));
  }

  async #partsOf({ loop }: RunningTraining): Promise<PartContent[]> {
    const { moments } = loop.current.optimizer;
    const best = this.#options.bestWeights.weights;
    const bytes = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array =>
      new Uint8Array(buffer, byteOffset, byteLength);
    return [
      { name: partNames.parameters, type: 'float32', bytes: bytes(this.#model.parameters.flat) },
      ...Object.entries(moments).map(([name, values]): PartContent => {
        const type = values instanceof Float64Array ? 'float64' : 'float32';
        return { name: partNames.moment(name), type, bytes: bytes(values) };
      }),
      ...(best === undefined ? [] : [{ name: partNames.best, type: 'float32' as const, bytes: bytes(best.flat) }]),
      { name: partNames.metrics, type: 'bytes', bytes: await this.#options.metrics.lines(), ending: 'jsonl' },
    ];
  }

  #stateOf({ loop, watch, recorder, best }: RunningTraining, saving: Saving, finished: boolean): TrainingState {
    const { step, position, random, optimizer, skipped } = loop.current;
    const { fingerprint, saveSteps, keep } = saving;
    return {
      step,
      steps: this.#inputs.steps,
      ranks: this.#options.group.share.batchRanks,
      finished,
      position,
      seed: random.seed,
      optimizer: { name: optimizer.name, steps: optimizer.steps, dtype: this.#inputs.config.optimizerDtype },
      held: loop.isHeld,
      parameters: this.#model.parameters.entries.map(({ name, shape, start, end }) => {
        return { name, shape: [...shape], start, end };
      }),
      watch: { ...watch.state, firstSteps: { ...watch.state.firstSteps, before: [...watch.state.firstSteps.before] } },
      evalBefore: recorder.before,
      skipped,
      best: best.state,
      saving: { saveSteps, keep },
      fingerprint: { ...fingerprint },
    };
  }
}

/** WHY a warning: sums of other parts of a batch are rounded otherwise. */
function remarkOnRanks(
  resumed: Resumed | undefined,
  { share: { worldSize } }: TrainingGroup,
  onEvent: CheckpointsOptions['onEvent'],
): void {
  const ranks = resumed?.state.ranks ?? worldSize;
  if (ranks === worldSize) return;
  const message = `The training goes on with ${worldSize} ranks; its batches are those of the ${ranks} with which it began. The result may have other bits.`;
  onEvent({ kind: 'warned', message });
}
