import { EventFile, type EventContent, type WallClock } from '../../event-files/index.ts';
import type { TrainEvent } from './train-result.ts';
import type { StepMetrics } from './metrics.ts';

export interface TensorboardLogOptions {
  /** Told once when an event cannot be written. The training goes on, without further events in the file. */
  readonly onTrouble: (error: unknown) => void;
  readonly now?: WallClock;
}

/** Writes the events of a training for TensorBoard, each when it comes. */
export class TensorboardLog implements AsyncDisposable {
  readonly #file: EventFile;
  readonly #onTrouble: (error: unknown) => void;
  #writing: Promise<void> = Promise.resolve();
  #isBroken = false;
  #step = 0;
  /** Numbers of the sample prompts, from 1. */
  readonly #prompts = new Map<string, number>();

  private constructor(file: EventFile, { onTrouble }: TensorboardLogOptions) {
    this.#file = file;
    this.#onTrouble = onTrouble;
  }

  /** @throws the error of the file system */
  static async create(folder: string, options: TensorboardLogOptions): Promise<TensorboardLog> {
    return new TensorboardLog(await EventFile.create(folder, options.now), options);
  }

  heard(event: TrainEvent): void {
    if (event.kind === 'stepped') {
      this.#step = event.metrics.step;
      this.#append(event.metrics.step, { kind: 'scalars', values: stepScalars(event.metrics) });
    }
    if (event.kind === 'evaluated') {
      const { step, loss, accuracy } = event;
      const values = new Map(
        Object.entries({ 'eval/loss': loss, ...(accuracy !== undefined && { 'eval/accuracy': accuracy }) }),
      );
      this.#append(step, { kind: 'scalars', values });
    }
    if (event.kind === 'sampled') {
      const { prompt, text, when } = event;
      const place = this.#prompts.get(prompt) ?? this.#prompts.size + 1;
      this.#prompts.set(prompt, place);
      // WHY indented: Markdown shows it as it is.
      const shown = `${prompt}\n\n${text}`.replaceAll(/^/gm, '    ');
      this.#append(when === 'before' ? 0 : this.#step, { kind: 'text', tag: `sample/${place}`, text: shown });
    }
    if (event.kind === 'resumed') this.#append(event.step + 1, { kind: 'restart' });
  }

  #append(step: number, content: EventContent): void {
    this.#writing = this.#writing.then(async () => {
      if (this.#isBroken) return;
      try {
        await this.#file.append(step, content);
      } catch (error) {
        // WHY no further try: a record that was written by half would hide everything behind it.
        this.#isBroken = true;
        this.#onTrouble(error);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file[Symbol.asyncDispose]();
  }
}

function stepScalars(metrics: StepMetrics): ReadonlyMap<string, number> {
  const { loss, accuracy, gradNorm, learningRate, tokensPerSecond } = metrics;
  return new Map(
    Object.entries({
      'train/loss': loss,
      ...(accuracy !== undefined && { 'train/accuracy': accuracy }),
      'train/grad_norm': gradNorm,
      'train/learning_rate': learningRate,
      'train/tokens_per_second': tokensPerSecond,
    }),
  );
}
