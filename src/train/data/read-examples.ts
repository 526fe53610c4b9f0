import type { DataAccount } from './data-account.ts';
import type { Example } from './example.ts';
import { encodeExamples, type EncodedExample, type ReadExamplesOptions } from './encode-example.ts';
import { ExampleCounter } from './example-counter.ts';
import { namesOf, readRows } from './read-rows.ts';
import { indexRows } from './indexed-rows.ts';
import { RowProblems } from './row-problems.ts';
import type { RowSource } from './row-source.ts';

export interface Dataset {
  readonly path: string;
  /** In the order of the file. */
  readonly examples: readonly Example[];
  readonly account: DataAccount;
}

/**
 * Reads files into examples, and keeps all of them in memory. Blank lines are skipped. Any other line that is not a valid row is
 * an error that names file and line.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_ROWS_INVALID, DATA_EMPTY, DATA_NOTHING_TO_LEARN, and those of
 * `parseRow` and `encodeRow`
 */
export async function readExamples(paths: string | readonly string[], options: ReadExamplesOptions): Promise<Dataset> {
  const counter = new ExampleCounter(namesOf(paths), options);
  const examples: Example[] = [];
  const problems = new RowProblems();
  for await (const { parse, place } of readRows(paths, options)) {
    const rows = problems.attempt(() => encodeExamples(parse(), place, { ...options, counter })) ?? [];
    for (const row of rows) if (counter.accept(row)) examples.push(row.example);
  }
  problems.assertNone();
  return { path: namesOf(paths), examples, account: counter.account() };
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
  paths: string | readonly string[],
  options: ReadExamplesOptions,
  lengthOf: (example: Example) => number,
): Promise<ExampleSource> {
  const counter = new ExampleCounter(namesOf(paths), options);
  // Only the first reading counts. Later readings need only the example.
  let read: readonly EncodedExample[] = [];
  let isFirst = true;
  const counting = (): ExampleCounter | undefined => (isFirst ? counter : undefined);
  const rows = await indexRows(paths, {
    encode: (value, place) => {
      read = encodeExamples(value, place, { ...options, counter: counting() });
      return read.map(({ example }) => example);
    },
    accept: (example) => read.some((one) => one.example === example && counter.accept(one)),
    lengthOf,
    bytesOf: ({ inputIds, labels }) => inputIds.byteLength + labels.byteLength + exampleOverhead,
    signal: options.signal,
  });
  isFirst = false;
  try {
    return { rows, account: counter.account() };
  } catch (error) {
    await rows[Symbol.asyncDispose]();
    throw error;
  }
}

/** Objects and array heads of an example, about. */
const exampleOverhead = 300;
