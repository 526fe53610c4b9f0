import { EspalierError } from '../../core/index.ts';
import { encodeRow, type EncodeRowOptions } from './encode-row.ts';
import { countTargets, cutExample, type Example } from './example.ts';
import { readJsonRows } from './read-json-rows.ts';
import { indexRows } from './indexed-rows.ts';
import { parseRow, type RowPlace } from './row.ts';
import type { RowSource } from './row-source.ts';

export interface ReadExamplesOptions extends EncodeRowOptions {
  /** Longer examples are cut to this many tokens. */
  readonly maxLength: number;
  /** How an example without a target within `maxLength` is handled: 'drop' (default) for training, 'keep' for scoring. */
  readonly withoutTargets?: 'drop' | 'keep';
  readonly signal?: AbortSignal;
}

/** Counts of the rows of a file. */
export interface DataAccount {
  readonly rows: number;
  /** Rows that became examples: rows - dropped. */
  readonly examples: number;
  /** Tokens of the examples, after cutting. */
  readonly tokens: number;
  /** Tokens that count in the loss, after cutting. */
  readonly supervisedTokens: number;
  /** Rows that were dropped because none of their tokens counts in the loss. */
  readonly dropped: number;
  /** Examples that were cut to the maximum length. */
  readonly truncated: number;
}

export interface Dataset {
  readonly path: string;
  /** In the order of the file. */
  readonly examples: readonly Example[];
  readonly account: DataAccount;
}

/**
 * Reads a JSONL file into examples, and keeps all of them in memory. Blank lines are skipped. Any other line that is not a valid row is
 * an error that names file and line.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8, DATA_JSON_BROKEN, DATA_EMPTY, DATA_NOTHING_TO_LEARN, and those of
 * `parseRow` and `encodeRow`
 */
export async function readExamples(path: string, options: ReadExamplesOptions): Promise<Dataset> {
  const counter = new ExampleCounter(path, options);
  const examples: Example[] = [];
  for await (const { value, place } of readJsonRows(path, options)) {
    const row = encodeExample(value, place, options);
    if (counter.accept(row)) examples.push(row.example);
  }
  return { path, examples, account: counter.account() };
}

/** Examples that are read from their file when they are needed. */
export interface ExampleSource {
  readonly rows: RowSource<Example>;
  readonly account: DataAccount;
}

/**
 * Like `readExamples`, for files that are larger than memory.
 *
 * @param lengthOf  the length by which examples are grouped
 */
export async function openExamples(
  path: string,
  options: ReadExamplesOptions,
  lengthOf: (example: Example) => number,
): Promise<ExampleSource> {
  const counter = new ExampleCounter(path, options);
  // Only the first reading counts truncated examples. Later readings need only the example.
  let read: EncodedExample | undefined;
  const rows = await indexRows(path, {
    encode: (value, place) => (read = encodeExample(value, place, options)).example,
    accept: () => read !== undefined && counter.accept(read),
    lengthOf,
    bytesOf: ({ inputIds, labels }) => inputIds.byteLength + labels.byteLength + exampleOverhead,
    signal: options.signal,
  });
  try {
    return { rows, account: counter.account() };
  } catch (error) {
    await rows[Symbol.asyncDispose]();
    throw error;
  }
}

/** Objects and array heads of an example, about. */
const exampleOverhead = 300;

interface EncodedExample {
  readonly example: Example;
  readonly isCut: boolean;
}

function encodeExample(value: unknown, place: RowPlace, options: ReadExamplesOptions): EncodedExample {
  const whole = encodeRow(parseRow(value, place), place, options);
  const example = cutExample(whole, options.maxLength);
  return { example, isCut: example !== whole };
}

/** Counts the rows of a file, and decides which are dropped. */
class ExampleCounter {
  readonly #path: string;
  readonly #options: Pick<ReadExamplesOptions, 'maxLength' | 'withoutTargets'>;
  readonly #counts = { rows: 0, examples: 0, tokens: 0, supervisedTokens: 0, dropped: 0, truncated: 0 };

  constructor(path: string, options: Pick<ReadExamplesOptions, 'maxLength' | 'withoutTargets'>) {
    this.#path = path;
    this.#options = options;
  }

  accept({ example, isCut }: EncodedExample): boolean {
    const counts = this.#counts;
    const targets = countTargets(example);
    counts.rows += 1;
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
    return { ...this.#counts };
  }
}
