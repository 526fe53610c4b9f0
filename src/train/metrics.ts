import { open, type FileHandle } from 'node:fs/promises';

/** One line of `metrics.jsonl`: an optimizer step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Mean over the step's target tokens, before its update. */
  readonly loss: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Tokens in the loss. */
  readonly targetTokens: number;
  /** Tokens fed, padding not counted, over the step's time. */
  readonly tokensPerSecond: number;
  /** Mean over the held-out rows after this step, where it was asked for. */
  readonly evalLoss?: number;
}

/** Appends a line for each step, so that a running training can be watched. */
export class MetricsWriter {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<MetricsWriter> {
    return new MetricsWriter(await open(path, 'wx'));
  }

  async write(metrics: StepMetrics): Promise<void> {
    await this.#file.write(`${JSON.stringify(metrics)}\n`);
  }

  async close(): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
  }
}
