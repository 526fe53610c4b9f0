import { EspalierError } from '../../core/index.ts';
import { encodeRow, type EncodeRowOptions } from './encode-row.ts';
import { countTargets, cutExample, type Example } from './example.ts';
import { readJsonRows } from './read-json-rows.ts';
import { parseRow } from './row.ts';

export interface ReadExamplesOptions extends EncodeRowOptions {
  /** Longer examples are cut to this many tokens. */
  readonly maxLength: number;
  /** What becomes of an example without a target within `maxLength`: 'drop' (default) for training, 'keep' for scoring. */
  readonly withoutTargets?: 'drop' | 'keep';
  readonly signal?: AbortSignal;
}

/** What became of the rows of a file. */
export interface DataAccount {
  readonly rows: number;
  /** Rows that became examples: rows - dropped. */
  readonly examples: number;
  /** Tokens of the examples, after cutting. */
  readonly tokens: number;
  /** Tokens that count in the loss, after cutting. */
  readonly supervisedTokens: number;
  /** Rows left out because no token of theirs counts in the loss. */
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
 * Reads a JSONL file into examples. Blank lines are skipped; anything else that is not a good row stops the reading
 * with an error that names file and line.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8, DATA_JSON_BROKEN, DATA_EMPTY, DATA_NOTHING_TO_LEARN, and those of
 * `parseRow` and `encodeRow`
 */
export async function readExamples(path: string, options: ReadExamplesOptions): Promise<Dataset> {
  const { maxLength, withoutTargets = 'drop', signal } = options;
  const examples: Example[] = [];
  const account = { rows: 0, examples: 0, tokens: 0, supervisedTokens: 0, dropped: 0, truncated: 0 };
  for await (const { value, place } of readJsonRows(path, { signal })) {
    account.rows++;
    const whole = encodeRow(parseRow(value, place), place, options);
    const example = cutExample(whole, maxLength);
    const targets = countTargets(example);
    if (targets === 0 && withoutTargets === 'drop') {
      account.dropped++;
    } else {
      examples.push(example);
      account.tokens += example.inputIds.length;
      account.supervisedTokens += targets;
      if (example !== whole) account.truncated++;
    }
  }
  account.examples = examples.length;
  if (account.rows === 0) throw new EspalierError('DATA_EMPTY', { path });
  if (examples.length === 0) throw new EspalierError('DATA_NOTHING_TO_LEARN', { path, rows: account.rows, maxLength });
  return { path, examples, account };
}
