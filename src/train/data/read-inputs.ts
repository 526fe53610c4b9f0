import { describeValue, isFields } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import { encodeUnlabelledTokens, readTensors, type LabelledRowOptions } from './encode-labelled-row.ts';
import { namesOf, readRows } from './read-rows.ts';
import { RowProblems } from './row-problems.ts';
import { invalid, type RowPlace } from './row.ts';

/** A row without its label: tokens, or tensors by the names of the base's inputs. */
export type InputRow =
  | { readonly inputIds: Int32Array; readonly typeIds: Int32Array | undefined }
  | { readonly inputs: ReadonlyMap<string, TensorData> };

export interface ReadInputsOptions extends Pick<LabelledRowOptions, 'base' | 'tokenizer' | 'maxLength'> {
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
  const { inputIds, typeIds } = encodeUnlabelledTokens(value, place, options);
  return { inputIds, typeIds };
}
