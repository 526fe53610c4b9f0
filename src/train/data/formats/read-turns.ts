import { FieldProblem, readMessages, readToolsBeside, type Conversation, type Fields } from '../../../chat/index.ts';
import { orThrow } from '../row-fields.ts';
import type { RowPlace } from '../row.ts';
import type { ReadFormatOptions } from './row-format.ts';

/** Messages that were read, and whether each is learned. */
export interface Turns {
  readonly messages: Conversation['messages'];
  readonly learned: readonly (boolean | undefined)[];
}

/** Reads a field of messages; a text is taken for their JSON, as tables hold it. @throws EspalierError DATA_ROW_INVALID */
export function readTurns(
  value: unknown,
  { field, place, options }: { readonly field: string; readonly place: RowPlace; readonly options: ReadFormatOptions },
): Turns {
  const read = readMessages(fromJson(value));
  const { messages, learned, unknown } = orThrow(read instanceof FieldProblem ? read.within(field) : read, place);
  for (const name of unknown) options.onUnknown?.(`${field}[].${name}`);
  return { messages, learned };
}

/** The tools of a row, if it has any. @throws EspalierError DATA_ROW_INVALID */
export function readRowTools(row: Fields, place: RowPlace): Pick<Conversation, 'tools'> {
  const tools = orThrow(readToolsBeside(row), place);
  return tools === undefined ? {} : { tools };
}

export function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
