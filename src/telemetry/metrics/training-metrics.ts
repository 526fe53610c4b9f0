import type { NamesOf } from './definition.ts';
import { MetricSet } from './metric-set.ts';
import { type TrainingTable, trainingTable } from './training-table.ts';

/** What is known of a step. */
export interface TrainingStep {
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
  readonly targetTokens: number;
}

/** WHY read and not counted: these are the numbers of one training, and stand still between its steps. */
const names = Object.keys(trainingTable).filter(isName);

function isName(name: string): name is NamesOf<TrainingTable, 'counter' | 'gauge'> {
  return name in trainingTable;
}

export type TrainingEnd = 'finished' | 'interrupted' | 'failed';

/** The series of one training. */
export class TrainingMetrics {
  readonly #set = new MetricSet<TrainingTable>(trainingTable);
  readonly #adapter: string;
  readonly #values = new Map<string, number>();
  readonly #now: () => number;
  #end: TrainingEnd | undefined;

  /**
   * @param adapter  the name of the output
   * @param now      Unix time in milliseconds
   */
  constructor(adapter: string, now: () => number = Date.now) {
    this.#adapter = adapter;
    this.#now = now;
    for (const name of names) this.#set.read(name, () => this.#read(name));
    for (const name of names) if (trainingTable[name].kind === 'counter') this.#values.set(name, 0);
    this.#set.read('espalier_train_ended', () =>
      this.#end === undefined ? [] : [{ labels: { adapter, result: this.#end }, value: 1 }],
    );
    this.#values.set('espalier_train_running', 1);
  }

  #read(name: string): { labels: { adapter: string }; value: number }[] {
    const value = this.#values.get(name);
    return value === undefined ? [] : [{ labels: { adapter: this.#adapter }, value }];
  }

  planned(steps: number): void {
    this.#values.set('espalier_train_steps', steps);
    this.#values.set('espalier_train_step', 0);
  }

  resumed(step: number): void {
    this.#values.set('espalier_train_step', step);
  }

  stepped({ step, loss, gradNorm, learningRate, tokensPerSecond, targetTokens }: TrainingStep): void {
    this.#values.set('espalier_train_step', step);
    this.#values.set('espalier_train_loss', loss);
    this.#values.set('espalier_train_gradient_norm', gradNorm);
    this.#values.set('espalier_train_learning_rate', learningRate);
    this.#values.set('espalier_train_tokens_per_second', tokensPerSecond);
    this.#add('espalier_train_target_tokens_total', targetTokens);
  }

  evaluated(loss: number): void {
    this.#values.set('espalier_train_held_out_loss', loss);
  }

  saved(seconds: number): void {
    this.#add('espalier_train_checkpoints_total', 1);
    this.#values.set('espalier_train_checkpoint_last_seconds', seconds);
    this.#values.set('espalier_train_checkpoint_last_timestamp_seconds', this.#now() / 1000);
  }

  warned(): void {
    this.#add('espalier_train_warnings_total', 1);
  }

  ended(how: TrainingEnd): void {
    this.#end = how;
    this.#values.set('espalier_train_running', 0);
  }

  #add(name: NamesOf<TrainingTable, 'counter'>, by: number): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  /** The series in the text format of Prometheus. */
  text(): Promise<Buffer> {
    this.#values.set('espalier_train_last_update_timestamp_seconds', this.#now() / 1000);
    return this.#set.text();
  }
}
