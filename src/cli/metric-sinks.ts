import { writeAtomically } from '../atomic-files/index.ts';
import { type Clock, messageOf, systemClock } from '../core/index.ts';
import { pushMetrics } from '../http/index.ts';
import type { TrainEvent } from '../train/index.ts';
import { type TrainingEnd, TrainingMetrics } from '../telemetry/index.ts';

export interface MetricSinkOptions {
  /** The name of the training's output. */
  readonly adapter: string;
  /** A file for the textfile collector of node-exporter, which reads those that end in `.prom`. */
  readonly metricsFile?: string | undefined;
  /** A push gateway. */
  readonly pushGateway?: string | undefined;
  /** Told once of each place that cannot be written. */
  readonly note: (text: string) => void;
  readonly clock?: Clock;
}

/** WHY not at each step: steps may take milliseconds, and Prometheus looks every few seconds. */
const everyMs = 1000;

/** Writes the series of a training where they were asked for. A place that cannot be written is told of, and stops nothing. */
export class MetricSinks {
  readonly #metrics: TrainingMetrics;
  readonly #options: MetricSinkOptions;
  readonly #clock: Clock;
  readonly #told = new Set<string>();
  #writing: Promise<void> | undefined;
  #writtenAt = -Infinity;

  constructor(options: MetricSinkOptions) {
    this.#options = options;
    this.#metrics = new TrainingMetrics(options.adapter);
    this.#clock = options.clock ?? systemClock;
  }

  heard(event: TrainEvent): void {
    const metrics = this.#metrics;
    if (event.kind === 'planned') metrics.planned(event.plan.steps);
    else if (event.kind === 'resumed') metrics.resumed(event.step);
    else if (event.kind === 'stepped') metrics.stepped(event.metrics);
    else if (event.kind === 'evaluated') metrics.evaluated(event.loss);
    else if (event.kind === 'saved') metrics.saved(event.seconds);
    else if (event.kind === 'warned') metrics.warned();
    if (this.#writing !== undefined || this.#clock.now() - this.#writtenAt < everyMs) return;
    this.#writtenAt = this.#clock.now();
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Writes the last state. */
  async ended(how: TrainingEnd): Promise<void> {
    this.#metrics.ended(how);
    await this.#writing;
    await this.#write();
  }

  async #write(): Promise<void> {
    const { metricsFile, pushGateway, adapter } = this.#options;
    if (metricsFile === undefined && pushGateway === undefined) return;
    const text = await this.#metrics.text();
    const writes: Promise<void>[] = [];
    if (metricsFile !== undefined) {
      writes.push(
        this.#try(
          metricsFile,
          writeAtomically(metricsFile, async (file) => file.writeFile(text)),
        ),
      );
    }
    if (pushGateway !== undefined) {
      writes.push(this.#try(pushGateway, pushMetrics(pushGateway, { job: 'espalier_train', adapter }, text)));
    }
    await Promise.all(writes);
  }

  async #try(place: string, write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (this.#told.has(place)) return;
      this.#told.add(place);
      this.#options.note(`the metrics are not at ${place}: ${messageOf(error)}`);
    }
  }
}
