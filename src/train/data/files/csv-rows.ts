import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { parseWithNumbers } from '../../../core/index.ts';
import type { StoredRow } from './data-file.ts';
import { invalidFile } from './split-rows.ts';

/** A row of many megabytes is no row. */
const longestRecord = 64 * 2 ** 20;
const mostColumns = 10_000;

/**
 * Reads a table with a heading. Each record is a row whose fields have the names of the columns. A cell is a text; one that holds a JSON
 * list or object is that, but for columns of texts. An empty cell is an absent field.
 *
 * @throws EspalierError DATA_FILE_INVALID
 */
export async function* csvRows(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  { delimiter }: { readonly delimiter: ',' | '\t' },
): AsyncGenerator<StoredRow> {
  const parser = parse({
    bom: true,
    delimiter,
    skip_empty_lines: true,
    max_record_size: longestRecord,
    columns: (names: readonly string[]) => checkedNames(trimmed(names), path, delimiter),
  });
  const source = Readable.from(textOf(chunks, path));
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let line = 0;
  try {
    for await (const record of parser) {
      const place = { path, unit: 'row', line: ++line } as const;
      yield { parse: () => rowOf(record), place };
    }
  } catch (cause) {
    throw cause instanceof CsvError ? invalidFile(path, cause.message, cause) : cause;
  } finally {
    source.destroy();
  }
}

/** Strict UTF-8, since the parser would replace what is wrong. */
async function* textOf(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (cause) {
    throw cause instanceof TypeError ? invalidFile(path, 'it is not valid UTF-8', cause) : cause;
  }
}

function trimmed(names: readonly string[]): string[] {
  return names.map((name) => name.trim());
}

function checkedNames(names: readonly string[], path: string, delimiter: string): string[] {
  const [only = '', ...others] = names;
  if (others.length === 0 && delimiter === ',' && /[;\t]/.test(only)) {
    throw invalidFile(path, 'its heading has no comma; separate columns with commas, or call a table with tabs .tsv');
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidFile(path, `two columns are called "${twice.slice(0, 60)}"`);
  if (names.includes('__proto__')) throw invalidFile(path, 'a column cannot be called "__proto__"');
  if (names.length > mostColumns)
    throw invalidFile(path, `it has ${names.length} columns, and at most ${mostColumns} are read`);
  return [...names];
}

function rowOf(record: unknown): unknown {
  const cells = Object.entries(record ?? {}).filter(([, cell]) => cell !== '');
  return Object.fromEntries(cells.map(([name, cell]) => [name, textColumns.has(name) ? cell : valueOf(cell)]));
}

/**
 * Columns whose cells are texts. WHY: many answers that models learn are JSON. Messages in such a column are read from their text where
 * the format of the row has them.
 */
const textColumns: ReadonlySet<string> = new Set([
  'text',
  'prompt',
  'completion',
  'response',
  'answer',
  'output',
  'question',
  'query',
  'input',
  'inputs',
  'targets',
  'source',
  'target',
  'instruction',
  'context',
  'system',
  'chosen',
  'rejected',
]);

/** WHY only these: a text that looks like a number is still a text. */
function valueOf(cell: unknown): unknown {
  if (typeof cell !== 'string' || !/^\s*[[{]/.test(cell)) return cell;
  try {
    return parseWithNumbers(cell);
  } catch {
    return cell;
  }
}
