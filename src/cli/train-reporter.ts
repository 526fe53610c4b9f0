import type { TrainEvent, TrainResult } from '../train/index.ts';
import { describePlan, describeResult } from './describe-training.ts';
import type { Output } from './output.ts';
import { shownText } from './shown-text.ts';
import { createProgress, type Progress } from './progress.ts';
import { sparkline } from './sparkline.ts';

/** Reports a training while it runs, and its result. */
export interface TrainReporter extends Disposable {
  report(event: TrainEvent): void;
  finish(result: TrainResult): void;
}

export interface ReportOptions {
  /** Without a terminal: the number of steps between two lines; 0 prints none. */
  readonly logSteps: number;
  /** Whether each event is written as a line of JSON to standard output, instead of all other output. */
  readonly jsonEvents: boolean;
  /** Opens the bar of a terminal. A test can inject one. */
  readonly openProgress?: typeof createProgress;
}

const format =
  '{bar} {value}/{total} | loss {loss} {curve} | rate {rate} | {speed} tokens/s | held-out {held} | {eta_formatted} left';
const curveWidth = 12;
/** Losses that the curve shows at most, the newest. */
const mostLosses = 600;

/** Reports with a progress bar on a terminal, with lines in a log otherwise, and with lines of JSON for `--json-events`. */
export function trainReporter(output: Output, options: ReportOptions): TrainReporter {
  return options.jsonEvents ? eventLines(output) : new PersonReporter(output, options);
}

function eventLines(output: Output): TrainReporter {
  return {
    report: (event) => output.event(event),
    finish: (result) => output.event({ kind: 'finished', result }),
    [Symbol.dispose]: () => undefined,
  };
}

class PersonReporter implements TrainReporter {
  readonly #output: Output;
  readonly #logSteps: number;
  readonly #openProgress: typeof createProgress;
  #bar: Progress | undefined;
  #held = '-';
  #losses: number[] = [];

  constructor(output: Output, { logSteps, openProgress = createProgress }: ReportOptions) {
    this.#output = output;
    this.#logSteps = logSteps;
    this.#openProgress = openProgress;
  }

  report(event: TrainEvent): void {
    if (event.kind === 'planned') this.#output.note(describePlan(event.plan));
    if (event.kind === 'warned') this.#output.note(event.message);
    if (event.kind === 'resumed') this.#output.note(`goes on after step ${event.step}, from ${event.checkpoint}`);
    if (event.kind === 'evaluated') this.#held = event.loss.toFixed(4);
    if (event.kind === 'evaluated' && !this.#output.interactive && this.#logSteps > 0) {
      this.#output.note(`step ${event.step}: held-out loss ${this.#held}`);
    }
    if (event.kind === 'sampled') this.#sampled(event);
    if (event.kind === 'stepped') this.#step(event);
  }

  #step({
    metrics: { step, loss, learningRate, tokensPerSecond },
    steps,
  }: Extract<TrainEvent, { kind: 'stepped' }>): void {
    const speed = tokensPerSecond.toFixed(tokensPerSecond < 100 ? 1 : 0);
    if (this.#output.interactive) {
      this.#bar ??= this.#openProgress(this.#output, { total: steps, format });
      this.#losses = [...this.#losses, loss].slice(-mostLosses);
      const curve = sparkline(this.#losses, curveWidth);
      const rate = learningRate.toPrecision(3);
      this.#bar.update(step, { loss: loss.toFixed(4), curve, rate, speed, held: this.#held });
      return;
    }
    const isDue = this.#logSteps > 0 && (step % this.#logSteps === 0 || step === 1 || step === steps);
    if (isDue) this.#output.note(`step ${step} of ${steps}: loss ${loss.toFixed(4)}, ${speed} tokens/s`);
  }

  #sampled({ when, prompt, text }: Extract<TrainEvent, { kind: 'sampled' }>): void {
    // WHY: a note would be written into the bar.
    this[Symbol.dispose]();
    this.#output.note(`${when.padEnd(10)} ${shownText(prompt)} → ${shownText(text)}`);
  }

  finish(result: TrainResult): void {
    this[Symbol.dispose]();
    this.#output.answer(result, () => describeResult(result));
  }

  [Symbol.dispose](): void {
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }
}
