import { describeValue, isFields } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import type { Range } from '../../tokenizer/index.ts';
import { encodeUnlabelledTokens, readTensors, type LabelledRowOptions } from './encode-labelled-row.ts';
import { namesOf, readRows } from './read-rows.ts';
import { RowProblems } from './row-problems.ts';
import { invalid, type RowPlace } from './row.ts';

/** A row without its label: tokens, or tensors by the names of the base's inputs. */
export type InputRow =
  | {
      readonly inputIds: Int32Array;
      readonly typeIds: Int32Array | undefined;
      /** The text and where its tokens are in it, of a text for a base that gives numbers for each token. */
      readonly source?: { readonly text: string; readonly offsets: readonly Range[] };
    }
  | { readonly inputs: ReadonlyMap<string, TensorData> };

export interface ReadInputsOptions extends Pick<LabelledRowOptions, 'base' | 'tokenizer' | 'maxLength'> {
  /** What stands before every text. */
  readonly prompt?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads rows to classify or embed. Labels are ignored.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_JSON_BROKEN, DATA_EMPTY, DATA_ROW_INVALID, DATA_TOKENIZER_MISSING,
 *   DATA_TOKEN_OUT_OF_RANGE
 */
export async function readInputs(
  paths: string | readonly string[],
  options: ReadInputsOptions,
): Promise<readonly InputRow[]> {
  const rows: InputRow[] = [];
  const problems = new RowProblems();
  for await (const { parse, place } of readRows(paths, options)) {
    const row = problems.attempt(() => encodeInputRow(parse(), place, options));
    if (row !== undefined) rows.push(row);
  }
  problems.assertNone();
  if (rows.length === 0) throw new EspalierError('DATA_EMPTY', { path: namesOf(paths) });
  return rows;
}

function encodeInputRow(value: unknown, place: RowPlace, options: ReadInputsOptions): InputRow {
  if (!isFields(value)) throw invalid(place, `expected a JSON object, got ${describeValue(value)}.`);
  const { inputs } = options.base;
  if (inputs !== undefined) return { inputs: readTensors(value, place, inputs) };
  const { prompt = '' } = options;
  const text = value['text'];
  const row = prompt !== '' && typeof text === 'string' ? { ...value, text: prompt + text } : value;
  const { inputIds, typeIds } = encodeUnlabelledTokens(row, place, options);
  const { base, tokenizer, maxLength } = options;
  if (base.perToken !== true || typeof text !== 'string' || 'text_pair' in row) return { inputIds, typeIds };
  const { offsets = [] } = tokenizer?.encodeForEncoder(text, { maxLength, offsets: true }) ?? {};
  return { inputIds, typeIds, source: { text, offsets } };
}
