import { EspalierError, nearest } from '../../core/index.ts';
import { FieldProblem, readFunctions, readMessages, readTools, type Conversation } from '../../chat/index.ts';

/** A row of a JSONL file, by its kind. */
export type Row =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'completion'; readonly prompt: string; readonly completion: string }
  | MessagesRow
  | { readonly kind: 'tokens'; readonly inputIds: readonly number[]; readonly labels?: readonly number[] };

/** A conversation whose assistant is learned. */
export interface MessagesRow extends Conversation {
  readonly kind: 'messages';
  /** Whether each message is learned, where it says so; undefined where it does not. */
  readonly learned?: readonly (boolean | undefined)[];
}

/** Where a row stands, for error messages. Lines count from 1. */
export interface RowPlace {
  readonly path: string;
  readonly line: number;
}

/** The keys that identify the kind of a row. */
const kinds = {
  text: ['text'],
  completion: ['prompt', 'completion'],
  messages: ['messages'],
  tokens: ['input_ids'],
} as const satisfies Record<Row['kind'], readonly string[]>;

const kindNames = ['text', 'completion', 'messages', 'tokens'] as const;

const knownKeys = [...Object.values(kinds).flat(), 'labels'];

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a parsed row. Keys that do not belong to its kind are ignored.
 *
 * @throws EspalierError DATA_ROW_UNKNOWN, DATA_ROW_INVALID
 */
export function parseRow(value: unknown, place: RowPlace): Row {
  if (!isFields(value)) throw invalid(place, `expected a JSON object, got ${describe(value)}.`);
  switch (kindOf(value, place)) {
    case 'text':
      return { kind: 'text', text: stringField(value, 'text', place) };
    case 'completion':
      return {
        kind: 'completion',
        prompt: stringField(value, 'prompt', place),
        completion: stringField(value, 'completion', place),
      };
    case 'messages':
      return messagesRow(value, place);
    case 'tokens':
      return tokensRow(value, place);
  }
}

function kindOf(row: Fields, place: RowPlace): Row['kind'] {
  const found = kindNames.filter((kind) => kinds[kind].every((key) => key in row));
  const [kind, second] = found;
  if (kind !== undefined && second === undefined) return kind;
  const problem = kind === undefined ? whatIsMissing(row) : `it is of several kinds at once (${found.join(', ')}).`;
  throw new EspalierError('DATA_ROW_UNKNOWN', { ...place, problem });
}

function whatIsMissing(row: Fields): string {
  const keys = Object.keys(row);
  if (keys.length === 0) return 'it is an empty object.';
  if ('prompt' in row) return 'it has "prompt" but no "completion".';
  if ('completion' in row) return 'it has "completion" but no "prompt".';
  for (const key of keys) {
    const meant = nearest(key, knownKeys);
    if (meant !== undefined) return `unknown key "${key}". Did you mean "${meant}"?`;
  }
  return `it has ${keys.map((key) => `"${key}"`).join(', ')} only.`;
}

function tokensRow(row: Fields, place: RowPlace): Row {
  const inputIds = integersField(row, 'input_ids', place);
  if (!('labels' in row)) {
    // WHY only here: `labels` is the only optional key, and with a misspelt one the training would use all tokens as targets.
    const misspelt = Object.keys(row).find((key) => !knownKeys.includes(key) && nearest(key, ['labels']));
    if (misspelt === undefined) return { kind: 'tokens', inputIds };
    const problem = `unknown key "${misspelt}". Did you mean "labels"?`;
    throw new EspalierError('DATA_ROW_UNKNOWN', { ...place, problem });
  }
  const labels = integersField(row, 'labels', place);
  if (labels.length === inputIds.length) return { kind: 'tokens', inputIds, labels };
  const lengths = `${labels.length} labels for ${inputIds.length} input_ids`;
  throw invalid(place, `it has ${lengths}. Give one label a token, -100 where it does not count.`);
}

function messagesRow(row: Fields, place: RowPlace): MessagesRow {
  const read = readMessages(row['messages']);
  if (read instanceof FieldProblem) throw invalid(place, wordsOf(read.within('messages')));
  const tools = toolsOf(row);
  if (tools instanceof FieldProblem) throw invalid(place, wordsOf(tools));
  return { kind: 'messages', messages: read.messages, learned: read.learned, ...(tools && { tools }) };
}

/** A row has its tools under OpenAI's name or under its older one. */
function toolsOf({ tools, functions }: Fields): Conversation['tools'] | FieldProblem {
  const read = readTools(tools);
  if (read instanceof FieldProblem) return read.within('tools');
  const older = readFunctions(functions);
  if (older instanceof FieldProblem) return older.within('functions');
  if (read === undefined || older === undefined) return read ?? older;
  return new FieldProblem(['functions'], 'the row has "tools" too; leave one of them out.');
}

/** A problem as a sentence behind the place of its row. */
export function wordsOf({ place, problem }: FieldProblem): string {
  return `${place}: ${problem}${problem.endsWith('?') ? '' : '.'}`;
}

export function stringField(row: Fields, key: string, place: RowPlace): string {
  const value = row[key];
  if (typeof value !== 'string') throw invalid(place, `"${key}" must be a string, got ${describe(value)}.`);
  return value;
}

export function integersField(row: Fields, key: string, place: RowPlace): number[] {
  const value: unknown = row[key];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(place, `"${key}" must be a list of at least one integer, got ${describe(value)}.`);
  }
  const wrong = value.findIndex((item: unknown) => !Number.isSafeInteger(item));
  if (wrong >= 0) throw invalid(place, `${key}[${wrong}] must be an integer, got ${describe(value[wrong])}.`);
  return value.map(Number);
}

export function invalid(place: RowPlace, problem: string): EspalierError {
  return new EspalierError('DATA_ROW_INVALID', { ...place, problem });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}
