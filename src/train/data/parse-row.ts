import { EspalierError, nearest } from '../../core/index.ts';
import { describeValue, isFields, type Fields } from '../../chat/index.ts';
import { refuseDecisive } from './decisive-fields.ts';
import type { ReadFormatOptions, RowFormat } from './formats/row-format.ts';
import { formatNames, rowFormats, type FormatName } from './formats/row-formats.ts';
import { invalid, type Row, type RowPlace } from './row.ts';

export interface ParseRowOptions extends ReadFormatOptions {
  /** The format of all rows. Default: each row has the one whose fields it has. */
  readonly format?: FormatName | undefined;
  /** Told of the format that a row has. */
  readonly onFormat?: ((format: FormatName) => void) | undefined;
}

/**
 * Reads a parsed row. `onUnknown` is told of fields that its format does not have. They are passed over, unless they would change what
 * is learned: those are refused.
 *
 * @throws EspalierError DATA_ROW_UNKNOWN, DATA_ROW_INVALID
 */
export function parseRow(value: unknown, place: RowPlace, options: ParseRowOptions = {}): Row {
  if (!isFields(value)) throw invalid(place, `expected a JSON object, got ${describeValue(value)}.`);
  const name = formatOf(value, place, options.format);
  const format: RowFormat = rowFormats[name];
  const fields: readonly string[] = typeof format.fields === 'function' ? format.fields(value) : format.fields;
  const row = format.read(value, place, options);
  options.onFormat?.(name);
  const decisive = { format: name, place, chosen: options.chosen === true };
  for (const field of Object.keys(value)) {
    if (fields.includes(field)) continue;
    refuseDecisive(field, value, decisive);
    options.onUnknown?.(field);
  }
  return row;
}

function formatOf(row: Fields, place: RowPlace, asked: FormatName | undefined): FormatName {
  if (asked !== undefined) {
    if (rowFormats[asked].fits(row)) return asked;
    const problem = `a row of the format ${asked} has ${rowFormats[asked].description}; ${whatIsThere(row)}.`;
    throw invalid(place, problem);
  }
  const [name, ...others] = formatNames.filter((each) => rowFormats[each].fits(row));
  if (name !== undefined && others.length === 0) return name;
  const problem =
    name === undefined
      ? whatIsMissing(row)
      : `it has the fields of several formats (${[name, ...others].join(', ')}). Choose one (--format, or format).`;
  throw new EspalierError('DATA_ROW_UNKNOWN', { ...place, problem });
}

const knownKeys = ['text', 'prompt', 'completion', 'messages', 'input_ids', 'labels', 'conversations', 'instruction'];

function whatIsMissing(row: Fields): string {
  const keys = Object.keys(row);
  if (keys.length === 0) return 'it is an empty object.';
  if ('prompt' in row) return 'it has "prompt" but no "completion".';
  if ('completion' in row) return 'it has "completion" but no "prompt".';
  if ('chosen' in row) return 'it has "chosen" but no "rejected".';
  if ('instruction' in row) return 'it has "instruction" but no "output".';
  for (const key of keys) {
    const meant = nearest(key, knownKeys);
    if (meant !== undefined) return `unknown key "${key}". Did you mean "${meant}"?`;
  }
  return `${whatIsThere(row)} only.`;
}

/** WHY a limit: an error is read by people. */
const shownKeys = 12;

function whatIsThere(row: Fields): string {
  const keys = Object.keys(row);
  const shown = keys.slice(0, shownKeys).map((key) => `"${key.slice(0, 60)}"`);
  const more = keys.length > shownKeys ? ` and ${keys.length - shownKeys} more` : '';
  return keys.length === 0 ? 'it is an empty object' : `it has ${shown.join(', ')}${more}`;
}
