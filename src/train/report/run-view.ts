import { writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError, messageOf, option, optionText } from '../../core/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { parseMetrics } from './metrics.ts';
import { runPage, type RunFacts } from './run-page.ts';
import { TensorboardLog } from './tensorboard-log.ts';
import type { Sample, TrainEvent, TrainPlan, TrainResult } from './train-result.ts';

/** The model that answers sample prompts: the base, or the base with an adapter. */
export interface SampledModel {
  readonly base: string;
  readonly adapter: string | undefined;
  readonly anyBase: boolean | undefined;
  /** A chat template in the place of the model's own. */
  readonly chatTemplate: string | undefined;
  /** Whose chat template is used. Default: the adapter's, where it has one. */
  readonly template: 'base' | 'adapter' | undefined;
  readonly maxTokens: number;
  readonly signal: AbortSignal | undefined;
}

/** Answers prompts, each alone. It holds no memory when it has ended. */
export type AnswerPrompts = (model: SampledModel, prompts: readonly string[]) => Promise<readonly string[]>;

export interface RunViewOptions {
  readonly onEvent: (event: TrainEvent) => void;
  readonly answer: AnswerPrompts | undefined;
}

const defaultSampleTokens = 64;

/** What a person looks at during and after a training, where the settings ask for it: event files, samples and a page. */
export class RunView implements AsyncDisposable {
  readonly #config: TrainConfig;
  readonly #options: RunViewOptions;
  #log: TensorboardLog | undefined;
  #plan: TrainPlan | undefined;
  readonly #samples: { before: Sample[]; after: Sample[] } = { before: [], after: [] };
  readonly #evaluations = new Map<number, number>();
  readonly #warnings: string[] = [];

  private constructor(config: TrainConfig, options: RunViewOptions) {
    this.#config = config;
    this.#options = options;
  }

  /**
   * @throws EspalierError TRAIN_CONFIG_CONFLICT if samples are asked for and nobody can answer; the error of the file system if the
   *   event file cannot be created
   */
  static async open(config: TrainConfig, options: RunViewOptions): Promise<RunView> {
    const view = new RunView(config, options);
    if (config.samplePrompt !== undefined && options.answer === undefined) {
      const second = optionText('no function ', option('answer'));
      throw new EspalierError('TRAIN_CONFIG_CONFLICT', {
        first: option('samplePrompt'),
        second,
        reason: 'runTraining alone cannot generate text; train() can',
      });
    }
    if (config.tensorboard !== undefined) {
      const onTrouble = (error: unknown): void =>
        view.heard({ kind: 'warned', message: `Events for TensorBoard are no longer written: ${messageOf(error)}.` });
      view.#log = await TensorboardLog.create(config.tensorboard, { onTrouble });
    }
    return view;
  }

  /** Takes an event, and passes it on. */
  readonly heard = (event: TrainEvent): void => {
    if (event.kind === 'planned') this.#plan = event.plan;
    if (event.kind === 'evaluated') this.#evaluations.set(event.step, event.loss);
    if (event.kind === 'warned') this.#warnings.push(event.message);
    if (event.kind === 'sampled') this.#samples[event.when].push({ prompt: event.prompt, text: event.text });
    this.#log?.heard(event);
    this.#options.onEvent(event);
  };

  /**
   * Asks the model before the training.
   * @throws EspalierError the errors of the answers
   */
  async sampleBefore(signal: AbortSignal | undefined): Promise<void> {
    const { base, initAdapter: adapter, chatTemplate, template, anyBase } = this.#config;
    await this.#sample('before', { base, adapter, anyBase, chatTemplate, template, signal });
  }

  /** Asks the result. WHY a warning and no error: the result is written and sound, whatever becomes of the samples. */
  async sampleAfter({ output, interrupted }: TrainResult, signal: AbortSignal | undefined): Promise<void> {
    if (interrupted) return;
    const { base, full, anyBase } = this.#config;
    const model = full ? { base: output, adapter: undefined } : { base, adapter: output };
    try {
      await this.#sample('after', { ...model, anyBase, chatTemplate: undefined, template: undefined, signal });
    } catch (error) {
      this.heard({ kind: 'warned', message: `The result was not asked for samples: ${messageOf(error)}` });
    }
  }

  async #sample(when: 'before' | 'after', model: Omit<SampledModel, 'maxTokens'>): Promise<void> {
    const { samplePrompt, sampleTokens: maxTokens = defaultSampleTokens } = this.#config;
    if (samplePrompt === undefined) return;
    const prompts = typeof samplePrompt === 'string' ? [samplePrompt] : samplePrompt;
    const texts = (await this.#options.answer?.({ ...model, maxTokens }, prompts)) ?? [];
    for (const [i, prompt] of prompts.entries()) this.heard({ kind: 'sampled', when, prompt, text: texts[i] ?? '' });
  }

  /**
   * Writes the page, if one is asked for.
   * @param lines  reads `metrics.jsonl`; called only for a page
   */
  async end(end: RunFacts['end'], lines: () => Promise<string>): Promise<void> {
    const { report } = this.#config;
    if (report === undefined) return;
    // WHY all of it: the training is over, and its result is there.
    try {
      const facts = this.#factsOf(end, parseMetrics(await lines()));
      await writeAtomically(report, (file) => file.writeFile(runPage(facts)));
    } catch (error) {
      this.heard({ kind: 'warned', message: `The report ${report} was not written: ${messageOf(error)}` });
    }
  }

  #factsOf(end: RunFacts['end'], steps: RunFacts['steps']): RunFacts {
    const evaluations = new Map(
      [
        ...steps.flatMap(({ step, evalLoss }) => (evalLoss === undefined ? [] : [[step, evalLoss] as const])),
        ...this.#evaluations,
      ].sort(([a], [b]) => a - b),
    );
    const [config, plan, samples, warnings] = [this.#config, this.#plan, this.#samples, this.#warnings];
    return { config, plan, steps, evaluations, samples, warnings, end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log?.[Symbol.asyncDispose]();
  }
}
