import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** One line of `metrics.jsonl`: an optimizer step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Mean over the step's target tokens, before its update. */
  readonly loss: number;
  /** Fraction of the step's rows whose largest logit is at their label, before its update; only for classification. */
  readonly accuracy?: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Number of tokens in the loss; number of rows for labelled rows. */
  readonly targetTokens: number;
  /** Tokens without padding divided by the step's time; rows if they are not made of tokens. */
  readonly tokensPerSecond: number;
  /** Mean loss over the held-out rows after this step, if an evaluation was due. */
  readonly evalLoss?: number;
  readonly evalAccuracy?: number;
  /** What was not finite in this step, which therefore changed nothing. */
  readonly skipped?: string;
}

/** A line as it was written: JSON has null in the place of a number that is not finite. */
type Stored = Omit<StepMetrics, 'loss' | 'gradNorm' | 'evalLoss'> & {
  readonly loss: number | null;
  readonly gradNorm: number | null;
  readonly evalLoss?: number | null;
};

/** The steps of lines that a `MetricsWriter` has written. Losses and norms that were not finite are NaN. */
export function parseMetrics(lines: string): StepMetrics[] {
  const written = lines.split('\n').filter((line) => line !== '');
  // WHY as: the file is our own.
  const steps = written.map((line) => JSON.parse(line) as Stored);
  return steps.map(({ evalLoss, ...step }) => ({
    ...step,
    loss: step.loss ?? NaN,
    gradNorm: step.gradNorm ?? NaN,
    ...(evalLoss !== undefined && { evalLoss: evalLoss ?? NaN }),
  }));
}

/** The file to which lines are written. A test can inject one on a full disk. */
export interface MetricsFile {
  /** Writes at an offset in the file. @returns the number of bytes that were written */
  write(bytes: Uint8Array, position: number): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type OpenMetricsFile = (path: string) => Promise<MetricsFile>;

export interface MetricsWriterOptions {
  readonly openFile?: OpenMetricsFile;
  /** Called once when a line cannot be written. */
  readonly onTrouble?: (error: unknown) => void;
}

/**
 * Appends a line for each step, so that a running training can be watched. If a line cannot be written because the disk is full, it is
 * kept in memory and tried again with the next one. The training is not interrupted.
 */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: MetricsFile;
  readonly #onTrouble: (error: unknown) => void;
  /** Lines that are not in the file yet, and the offset in the file at which they begin. */
  #pending: Buffer[] = [];
  #written = 0;
  #isTold = false;

  private constructor(path: string, file: MetricsFile, onTrouble: (error: unknown) => void) {
    this.#path = path;
    this.#file = file;
    this.#onTrouble = onTrouble;
  }

  static async create(path: string, options: MetricsWriterOptions = {}): Promise<MetricsWriter> {
    const { openFile = openMetricsFile, onTrouble = () => undefined } = options;
    return new MetricsWriter(path, await openFile(path), onTrouble);
  }

  async write(metrics: StepMetrics): Promise<void> {
    await this.append(Buffer.from(`${JSON.stringify(metrics)}\n`));
  }

  /** Writes lines of an earlier run as they are. */
  async append(lines: Buffer): Promise<void> {
    this.#pending.push(lines);
    try {
      await this.#flush();
    } catch (error) {
      if (!this.#isTold) this.#onTrouble(error);
      this.#isTold = true;
    }
  }

  /** WHY an explicit position: a full disk may accept part of a line, and the next try writes that line again. */
  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    for (let done = 0; done < bytes.length;) {
      done += await this.#file.write(bytes.subarray(done), this.#written + done);
    }
    this.#written += bytes.length;
    this.#pending = [];
  }

  /**
   * Moves the file, with every line in it, into a folder on the same disk.
   * @throws the error because of which a line cannot be written
   */
  async moveInto(dir: string): Promise<void> {
    await this.#flush();
    await this.#file.sync();
    await rename(this.#path, join(dir, basename(this.#path)));
  }

  /** All lines so far. */
  async lines(): Promise<Buffer> {
    const before = await readFile(this.#path).catch(() => Buffer.alloc(0));
    return Buffer.concat([before.subarray(0, this.#written), ...this.#pending]);
  }

  /** Writes a copy with all lines into a folder on another disk. The file is left as it is. */
  async copyInto(dir: string): Promise<void> {
    await writeFile(join(dir, basename(this.#path)), await this.lines());
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** For a process whose lines another one writes. */
export const writesNowhere: OpenMetricsFile = () =>
  Promise.resolve({
    write: ({ byteLength }) => Promise.resolve(byteLength),
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });

async function openMetricsFile(path: string): Promise<MetricsFile> {
  const handle = await open(path, 'wx');
  return {
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.byteLength, position)).bytesWritten,
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
