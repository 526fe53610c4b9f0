import { describeValue, FieldProblem, isFields, type Fields } from '../../chat/index.ts';
import { invalid, type RowPlace } from './row.ts';

/** Readers of the fields of a row, whose errors name the place. */

export function stringField(row: Fields, key: string, place: RowPlace): string {
  const value = row[key];
  if (typeof value !== 'string') throw invalid(place, `"${key}" must be a string, got ${describeValue(value)}.`);
  return value;
}

export function integersField(row: Fields, key: string, place: RowPlace): number[] {
  const value: unknown = row[key];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(place, `"${key}" must be a list of at least one integer, got ${describeValue(value)}.`);
  }
  const wrong = value.findIndex((item: unknown) => !Number.isSafeInteger(item));
  if (wrong >= 0) throw invalid(place, `${key}[${wrong}] must be an integer, got ${describeValue(value[wrong])}.`);
  return value.map(Number);
}

/** @throws EspalierError DATA_ROW_INVALID for a mask that leaves tokens out, since all of `input_ids` are read */
export function refuseMask(mask: unknown, place: RowPlace): void {
  if (!Array.isArray(mask) || mask.every((one) => one === 1 || one === true)) return;
  throw invalid(place, '"attention_mask" leaves tokens out. Leave them out of "input_ids" too.');
}

/** Whether a field says something: it is there, and neither null nor empty. */
export function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isFields(value) || Object.keys(value).length > 0;
}

/** @throws EspalierError DATA_ROW_INVALID with a problem of a field, as a sentence */
export function orThrow<Value>(read: Value | FieldProblem, place: RowPlace): Value {
  if (!(read instanceof FieldProblem)) return read;
  throw invalid(place, `${read.place}: ${read.problem}${read.problem.endsWith('?') ? '' : '.'}`);
}

/** Of rows with two answers, where the better one is not asked for. */
export const preferenceProblem =
  'it has a chosen and a rejected answer, and preferences are not trained. To learn the chosen answers alone, say so (--chosen, or chosen: true).';
