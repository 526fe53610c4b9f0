import { open, readFile, rename, writeFile } from 'node:fs/promises';
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

/** The file that lines are written to; a test's own can be full. */
export interface MetricsFile {
  /** Writes at a byte of the file. @returns how many bytes were written */
  write(bytes: Uint8Array, position: number): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type OpenMetricsFile = (path: string) => Promise<MetricsFile>;

export interface MetricsWriterOptions {
  readonly openFile?: OpenMetricsFile;
  /** Told once when a line cannot be written. */
  readonly onTrouble?: (error: unknown) => void;
}

/**
 * Appends a line for each step, so that a running training can be watched. A line that cannot be written, because the disk is
 * full, is kept in memory and tried again with the next one: no trained work is lost for it.
 */
export class MetricsWriter {
  readonly #path: string;
  readonly #file: MetricsFile;
  readonly #onTrouble: (error: unknown) => void;
  /** Lines that are not in the file yet, and the byte of the file where they begin. */
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
    this.#pending.push(Buffer.from(`${JSON.stringify(metrics)}\n`));
    try {
      await this.#flush();
    } catch (error) {
      if (!this.#isTold) this.#onTrouble(error);
      this.#isTold = true;
    }
  }

  /** WHY a position of our own: a full disk takes a part of a line, and the next try begins that line anew. */
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
   * @throws what keeps a line from being written
   */
  async moveInto(dir: string): Promise<void> {
    await this.#flush();
    await this.#file.sync();
    await rename(this.#path, join(dir, basename(this.#path)));
  }

  /** Writes a copy with all lines into a folder on another disk. The file is left as it is. */
  async copyInto(dir: string): Promise<void> {
    const before = await readFile(this.#path).catch(() => Buffer.alloc(0));
    const lines = [before.subarray(0, this.#written), ...this.#pending];
    await writeFile(join(dir, basename(this.#path)), Buffer.concat(lines));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function openMetricsFile(path: string): Promise<MetricsFile> {
  const handle = await open(path, 'wx');
  return {
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.byteLength, position)).bytesWritten,
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
