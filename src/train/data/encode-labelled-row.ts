import { describeValue, isFields, type Fields } from '../../chat/index.ts';
import { EspalierError, nearest } from '../../core/index.ts';
import type { BaseInput, BaseModel } from '../../models/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { LabelledExample, LabelTarget } from './labelled-example.ts';
import { readNestedNumbers } from './nested-numbers.ts';
import { integersField, isGiven, refuseMask, stringField } from './row-fields.ts';
import { invalid, type RowPlace } from './row.ts';

export interface LabelledRowOptions {
  readonly base: Pick<BaseModel, 'config' | 'inputs' | 'labels' | 'problem' | 'perToken'>;
  /** undefined for a base without a tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** Most tokens of a row. A longer text is truncated. */
  readonly maxLength: number;
  /** The number of classes; undefined if the base does not define it. */
  readonly classes: number | undefined;
}

export interface EncodedRow {
  readonly example: LabelledExample;
  readonly cut: boolean;
  /** Fields that the row has and that are not read. */
  readonly unknown: readonly string[];
}

const known: readonly string[] = [
  'text',
  'text_pair',
  'input_ids',
  'token_type_ids',
  'attention_mask',
  'inputs',
  'input',
  'label',
  'labels',
  'target',
];

/** Fields with which other trainers change what is learned. */
const decisive: readonly string[] = ['weight', 'sample_weight'];

/** @throws EspalierError DATA_ROW_INVALID */
export function unknownFields(row: Fields, place: RowPlace, names = known): readonly string[] {
  const field = decisive.find((name) => isGiven(row[name]) && row[name] !== 1);
  if (field !== undefined) throw invalid(place, `"${field}" would change what is learned, and is not supported.`);
  refuseMask(row['attention_mask'], place);
  return Object.keys(row).filter((name) => !names.includes(name));
}

/**
 * Converts a row to an example for a base with a head:
 *
 * - `text`, optionally with `text_pair`; or `input_ids`, optionally with `token_type_ids`; or, for a base that does not read tokens,
 *   `inputs` (lists of numbers by the names of its inputs), or `input` if there is only one;
 * - `label`, a number or a name of a class, or a list of them if any number of classes may fit; or `target`, one number or nested lists
 *   of them.
 *
 * @throws EspalierError DATA_ROW_INVALID, DATA_TOKENIZER_MISSING, DATA_TOKEN_OUT_OF_RANGE
 */
export function encodeLabelledRow(value: unknown, place: RowPlace, options: LabelledRowOptions): EncodedRow {
  if (!isFields(value)) throw invalid(place, `expected a JSON object, got ${describeValue(value)}.`);
  const unknown = unknownFields(value, place);
  const target = readTarget(value, place, options);
  const { inputs } = options.base;
  if (inputs !== undefined) {
    return { example: { kind: 'tensors', inputs: readTensors(value, place, inputs), target }, cut: false, unknown };
  }
  const { cut, ...tokens } = encodeUnlabelledTokens(value, place, options);
  return { example: { kind: 'tokens', ...tokens, target }, cut, unknown };
}

/** The tokens of a row of a text model, and their segments. */
export interface RowTokens {
  readonly inputIds: Int32Array;
  readonly typeIds: Int32Array | undefined;
  readonly cut: boolean;
}

export function encodeUnlabelledTokens(
  row: Fields,
  place: RowPlace,
  { base, tokenizer, maxLength }: Pick<LabelledRowOptions, 'base' | 'tokenizer' | 'maxLength'>,
): RowTokens {
  const kinds = ['text', 'input_ids'].filter((key) => key in row);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? whatIsThere(row) : 'it has both';
    throw invalid(place, `a row for this base has "text" (with "text_pair" or without) or "input_ids"; ${found}.`);
  }
  if ('text' in row) return encodeText(row, place, { tokenizer, maxLength });
  const { vocabSize } = base.config;
  const ids = integersField(row, 'input_ids', place);
  const index = ids.findIndex((id) => id < 0 || id >= vocabSize);
  if (index >= 0) {
    const found = { field: 'input_ids', index, id: ids[index] ?? NaN, last: vocabSize - 1 };
    throw new EspalierError('DATA_TOKEN_OUT_OF_RANGE', { ...place, ...found });
  }
  const types = 'token_type_ids' in row ? integersField(row, 'token_type_ids', place) : undefined;
  if (types !== undefined && types.length !== ids.length) {
    throw invalid(place, `it has ${types.length} token_type_ids for ${ids.length} input_ids. Give one a token.`);
  }
  return tokensOf(ids.slice(0, maxLength), types?.slice(0, maxLength), ids.length > maxLength);
}

function encodeText(
  row: Fields,
  place: RowPlace,
  { tokenizer, maxLength }: Pick<LabelledRowOptions, 'tokenizer' | 'maxLength'>,
): RowTokens {
  if (tokenizer === undefined) throw new EspalierError('DATA_TOKENIZER_MISSING', { ...place, kind: 'text' });
  const text = stringField(row, 'text', place);
  const pair = 'text_pair' in row ? stringField(row, 'text_pair', place) : undefined;
  const { ids, typeIds, cut } = tokenizer.encodeForEncoder(text, { pair, maxLength });
  if (ids.length === 0) throw invalid(place, 'its text has no tokens.');
  return tokensOf(ids, typeIds, cut);
}

function tokensOf(ids: readonly number[], types: readonly number[] | undefined, cut: boolean): RowTokens {
  const typeIds = types?.some((type) => type !== 0) === true ? Int32Array.from(types) : undefined;
  return { inputIds: Int32Array.from(ids), typeIds, cut };
}

function readTarget(row: Fields, place: RowPlace, options: LabelledRowOptions): LabelTarget {
  // transformers calls it `labels`.
  const keys = ['label', 'labels', 'target'].filter((key) => key in row);
  const [key, second] = keys;
  if (key === undefined || second !== undefined) {
    const found = second === undefined ? whatIsThere(row) : `it has ${keys.map((each) => `"${each}"`).join(' and ')}`;
    throw invalid(place, `a row for this base has a "label" or a "target"; ${found}.`);
  }
  const { problem } = options.base;
  if (key !== 'target' && problem === 'multi-label') return flagsOf(row[key], place, options);
  if (key !== 'target' && problem === 'regression') {
    throw invalid(place, 'the base gives numbers, not scores of classes. Give a "target".');
  }
  if (key !== 'target') return { kind: 'classes', index: classOf(row[key], place, options) };
  const numbers = readNestedNumbers(row['target']);
  if (typeof numbers === 'string') throw invalid(place, `"target" must be a number or lists of numbers: ${numbers}.`);
  const values = Float32Array.from(numbers.values);
  if (problem === 'multi-label' && values.some((value) => !(value >= 0 && value <= 1))) {
    throw invalid(place, 'a "target" for this base has numbers from 0 to 1: how well each class fits.');
  }
  return { kind: 'numbers', values, shape: numbers.shape };
}

/** The classes of a row as numbers: 1 for each that fits, 0 for the others. */
function flagsOf(given: unknown, place: RowPlace, options: LabelledRowOptions): LabelTarget {
  const { classes = options.base.labels?.length ?? 0 } = options;
  if (!Array.isArray(given)) {
    throw invalid(place, `the "labels" of a row for this base are a list of classes, got ${describeValue(given)}.`);
  }
  const values = new Float32Array(classes);
  for (const label of given) values[classOf(label, place, options)] = 1;
  return { kind: 'numbers', values, shape: [classes] };
}

export function classOf(
  label: unknown,
  place: RowPlace,
  { base, classes = base.labels?.length }: Pick<LabelledRowOptions, 'base' | 'classes'>,
): number {
  const names = base.labels ?? [];
  if (typeof label === 'string') {
    const index = names.indexOf(label);
    if (index >= 0) return index;
    // A table has its numbers as texts.
    if (/^\d{1,9}$/.test(label)) return classOf(Number(label), place, { base, classes });
    const meant = nearest(label, names);
    const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
    const known = names.length === 0 ? 'the base has no names of classes; give a number' : `known are ${listed(names)}`;
    throw invalid(place, `no class is called "${label}"; ${known}.${hint}`);
  }
  if (typeof label === 'number' && Number.isSafeInteger(label) && label >= 0 && label < (classes ?? Infinity))
    return label;
  const range = classes === undefined ? 'from 0 up' : `from 0 to ${classes - 1}`;
  const hint = typeof label === 'number' && !Number.isInteger(label) ? ' A number to come close to is a "target".' : '';
  throw invalid(
    place,
    `"label" must be the name of a class or a whole number ${range}, got ${describeValue(label)}.${hint}`,
  );
}

/** Converts named lists of numbers to the base's inputs, and checks each against its shape. @throws EspalierError DATA_ROW_INVALID */
export function readTensors(row: Fields, place: RowPlace, inputs: readonly BaseInput[]): Map<string, TensorData> {
  const [only, ...others] = inputs;
  const given =
    'input' in row && only !== undefined && others.length === 0 ? { [only.name]: row['input'] } : row['inputs'];
  const names = inputs.map(({ name }) => `"${name}"`).join(', ');
  if (!isFields(given)) throw invalid(place, `a row for this base has "inputs" with ${names}; ${whatIsThere(row)}.`);
  const strange = Object.keys(given).find((name) => inputs.every((input) => input.name !== name));
  if (strange !== undefined) throw invalid(place, `the base has no input "${strange}"; it has ${names}.`);
  return new Map(inputs.map((input) => [input.name, readTensor(given[input.name], place, input)]));
}

function readTensor(value: unknown, place: RowPlace, { name, dtype, shape }: BaseInput): TensorData {
  const numbers = readNestedNumbers(value);
  if (typeof numbers === 'string') throw invalid(place, `the input "${name}" must be numbers: ${numbers}.`);
  const wanted = shape.slice(1);
  const fits =
    numbers.shape.length === wanted.length &&
    wanted.every((dim, i) => typeof dim !== 'number' || dim === numbers.shape[i]);
  if (fits) return tensorOf(dtype, numbers.shape, numbers.values);
  const expected = wanted.map((dim) => dim ?? 'any').join(', ');
  throw invalid(place, `the input "${name}" must be [${expected}], got [${numbers.shape.join(', ')}].`);
}

function whatIsThere(row: Fields): string {
  const keys = Object.keys(row);
  return keys.length === 0 ? 'it is an empty object' : `it has ${listed(keys)}`;
}

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, 8)
    .map((name) => `"${name}"`)
    .join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
