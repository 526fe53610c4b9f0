import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownMark } from '../../atomic-files/index.ts';
import type { TrainingExit, TrainingOrder, StartTraining } from '../run/training-process.ts';

/** A training that does what a test says. */
export class FakeTraining {
  readonly words: readonly string[];
  readonly memory: number | undefined;
  /** What the server asked of it. */
  readonly asked: ('stop' | 'kill')[] = [];
  readonly ended: Promise<TrainingExit>;
  readonly #onLine: (line: string) => void;
  #end: (exit: TrainingExit) => void = () => undefined;

  constructor({ words, memory, onLine }: TrainingOrder) {
    this.words = words;
    this.memory = memory;
    this.#onLine = onLine;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  option(name: string): string | undefined {
    const at = this.words.indexOf(name);
    return at < 0 ? this.words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) : this.words[at + 1];
  }

  tell(line: object): void {
    this.#onLine(JSON.stringify(line));
  }

  step(step: number, steps: number, loss = 1): void {
    const metrics = { step, loss, gradNorm: 1, learningRate: 1e-4, targetTokens: 10, tokensPerSecond: 100 };
    this.tell({ kind: 'stepped', steps, metrics });
  }

  /** Writes a checkpoint, and says so. */
  async save(step: number): Promise<void> {
    await mkdir(join(`${this.option('--output')}.checkpoints`, `step-${String(step).padStart(9, '0')}`), {
      recursive: true,
    });
    this.tell({ kind: 'saved', step, checkpoint: '', seconds: 0 });
  }

  /** Writes the adapter, and ends as a training that has taken all its steps. */
  async finish(): Promise<void> {
    const output = this.option('--output') ?? '';
    await mkdir(output, { recursive: true });
    const metrics = { step: 1, loss: 0.5, learningRate: 1e-4, targetTokens: 10 };
    await writeFile(join(output, 'metrics.jsonl'), `${JSON.stringify(metrics)}\n`);
    this.tell({ kind: 'finished', result: { steps: 3, interrupted: false, targetTokens: 30 } });
    this.exit();
  }

  exit(code: number | null = 0, signal: string | null = null, words = ''): void {
    this.#end({ code, signal, words });
  }
}

/** Starts trainings that do what a test says. One that is killed ends. */
export class FakeTrainings {
  readonly all: FakeTraining[] = [];

  readonly start: StartTraining = (order) => {
    const training = new FakeTraining(order);
    this.all.push(training);
    return {
      mark: ownMark().then((mark) => ({ ...mark, start: '1' })),
      ended: training.ended,
      stop: () => void training.asked.push('stop'),
      kill() {
        training.asked.push('kill');
        training.exit(null, 'SIGKILL');
      },
    };
  };
}
