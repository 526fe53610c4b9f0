import { open, rename, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** One line of `metrics.jsonl`: an optimizer step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Mean over the step's target tokens, before its update. */
  readonly loss: number;
  /** Share of the step's rows whose largest logit is at their label, before its update; where rows are classified. */
  readonly accuracy?: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Tokens in the loss; rows, where rows have labels. */
  readonly targetTokens: number;
  /** Tokens fed, padding not counted, over the step's time; rows, where they are not made of tokens. */
  readonly tokensPerSecond: number;
  /** Mean over the held-out rows after this step, where it was asked for. */
  readonly evalLoss?: number;
  readonly evalAccuracy?: number;
}

/** Appends a line for each step, so that a running training can be watched. */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<MetricsWriter> {
    return new MetricsWriter(path, await open(path, 'wx'));
  }

  async write(metrics: StepMetrics): Promise<void> {
    await this.#file.write(`${JSON.stringify(metrics)}\n`);
  }

  /** Moves the file, as it is, into a folder. */
  async moveInto(dir: string): Promise<void> {
    await this.#file.sync();
    await rename(this.#path, join(dir, basename(this.#path)));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
