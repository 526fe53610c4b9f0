import { EspalierError } from '../../core/index.ts';
import type { DataAccount } from './data-account.ts';
import { countTargets, type Example } from './example.ts';
import type { FormatName } from './formats/row-formats.ts';
import type { RowPlace } from './row.ts';
import { UnknownFields } from './unknown-fields.ts';

/** What is counted of an example. */
export interface CountedExample {
  readonly example: Example;
  readonly isCut: boolean;
  /** Answers that are not learned because the template renders them otherwise once others follow. */
  readonly passedOver: number;
  /** Its place among the examples of its row. */
  readonly part: number;
}

export interface ExampleCounterOptions {
  readonly maxLength: number;
  /** How an example without a target within `maxLength` is handled: 'drop' (default) for training, 'keep' for scoring. */
  readonly withoutTargets?: 'drop' | 'keep';
}

/** Counts the rows of a file, and decides which are dropped. */
export class ExampleCounter {
  readonly #path: string;
  readonly #options: ExampleCounterOptions;
  readonly #counts = { rows: 0, examples: 0, tokens: 0, supervisedTokens: 0, dropped: 0, truncated: 0, passedOver: 0 };
  readonly #formats = new Map<FormatName, number>();
  readonly #unknown = new UnknownFields();

  constructor(path: string, options: ExampleCounterOptions) {
    this.#path = path;
    this.#options = options;
  }

  noteFormat(name: FormatName): void {
    this.#formats.set(name, (this.#formats.get(name) ?? 0) + 1);
  }

  noteUnknown(field: string, place: RowPlace): void {
    this.#unknown.note(field, place);
  }

  accept({ example, isCut, passedOver, part }: CountedExample): boolean {
    const counts = this.#counts;
    const targets = countTargets(example);
    if (part === 0) counts.rows += 1;
    counts.passedOver += passedOver;
    if (targets === 0 && this.#options.withoutTargets !== 'keep') {
      counts.dropped += 1;
      return false;
    }
    counts.examples += 1;
    counts.tokens += example.inputIds.length;
    counts.supervisedTokens += targets;
    if (isCut) counts.truncated += 1;
    return true;
  }

  /** @throws EspalierError DATA_EMPTY, DATA_NOTHING_TO_LEARN */
  account(): DataAccount {
    const { rows, examples } = this.#counts;
    if (rows === 0) throw new EspalierError('DATA_EMPTY', { path: this.#path });
    const { maxLength } = this.#options;
    if (examples === 0) throw new EspalierError('DATA_NOTHING_TO_LEARN', { path: this.#path, rows, maxLength });
    return this.counts();
  }

  /** The counts so far. */
  counts(): DataAccount {
    return { ...this.#counts, formats: Object.fromEntries(this.#formats), unknownFields: this.#unknown.list() };
  }
}
