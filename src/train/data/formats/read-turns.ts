import {
  FieldProblem,
  readFunctions,
  readMessages,
  readTools,
  type Conversation,
  type Fields,
} from '../../../chat/index.ts';
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

/** A row has its tools under OpenAI's name or under its older one. @throws EspalierError DATA_ROW_INVALID */
export function readRowTools({ tools, functions }: Fields, place: RowPlace): Pick<Conversation, 'tools'> {
  const read = readTools(tools);
  const older = readFunctions(functions);
  const found = [orThrow(withinField(read, 'tools'), place), orThrow(withinField(older, 'functions'), place)];
  const [first, second] = found.filter((each) => each !== undefined);
  if (second !== undefined) {
    orThrow(new FieldProblem(['functions'], 'the row has "tools" too; leave one of them out'), place);
  }
  return first === undefined ? {} : { tools: first };
}

function withinField<Value>(read: Value | FieldProblem, field: string): Value | FieldProblem {
  return read instanceof FieldProblem ? read.within(field) : read;
}

export function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
