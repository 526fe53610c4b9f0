import {
  FieldProblem,
  readMessages,
  readToolsBeside,
  readVariables,
  type Conversation,
  type Fields,
} from '../../../chat/index.ts';
import { parseWithNumbers } from '../../../core/index.ts';
import { orThrow } from '../row-fields.ts';
import type { MessagesRow, RowPlace } from '../row.ts';
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

/** What stands beside the messages of a row and goes to the template: tools, and further values. */
export type BesideMessages = Pick<MessagesRow, 'tools' | 'variables'>;

/** Their fields. */
export const fieldsBeside = ['tools', 'functions', 'parallel_tool_calls', 'chat_template_kwargs', 'enable_thinking'];

/** @throws EspalierError DATA_ROW_INVALID */
export function readBeside(row: Fields, place: RowPlace): BesideMessages {
  const tools = orThrow(readToolsBeside(row), place);
  const given = fromJson(row['chat_template_kwargs']);
  const variables = orThrow(readVariables(given, row['enable_thinking']), place);
  return { ...(tools && { tools }), ...(variables && { variables }) };
}

export function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseWithNumbers(value);
  } catch {
    return value;
  }
}
