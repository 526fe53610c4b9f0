import { z } from 'zod';
import { describeValue, type Fields, FieldProblem, isFields, readEach } from '../../chat/index.ts';
import { readCarriedThoughts } from './carried-thoughts.ts';
import { type IdPrefix, newId } from './ids.ts';
import type {
  FunctionCallItem,
  FunctionOutputItem,
  InputItem,
  ItemReference,
  MessageItem,
  ReasoningItem,
} from './items.ts';
import { readInputTexts, readParts } from './read-content-parts.ts';
import { readWith } from './read-with.ts';

/** Many times more than a context holds. */
const maxItems = 1024;

/**
 * Reads `input`: a text, which is a message of the user, or a list of items. Items get an id where the client gave none, so that they
 * can be listed and referred to.
 *
 * WHY one item after the other: the length of the list is checked before its items, and the first wrong one ends the reading.
 */
export function readInput(value: unknown): readonly InputItem[] | FieldProblem {
  if (typeof value === 'string') {
    const content = [{ type: 'input_text' as const, text: value }];
    return [{ type: 'message', id: newId('msg'), role: 'user', status: 'completed', content }];
  }
  if (!Array.isArray(value) || value.length === 0) {
    return new FieldProblem([], `a text or a list of items is expected, got ${describeValue(value)}`);
  }
  if (value.length > maxItems) {
    return new FieldProblem([], `${value.length} items came, and at most ${maxItems} are taken`);
  }
  return readEach(value, readItem);
}

const readers: Readonly<Record<InputItem['type'], (item: Fields) => InputItem | FieldProblem>> = {
  message: readMessage,
  function_call: readFunctionCall,
  function_call_output: readFunctionOutput,
  reasoning: readReasoning,
  item_reference: readReference,
};

function readItem(value: unknown): InputItem | FieldProblem {
  if (!isFields(value)) return new FieldProblem([], `an item is an object, got ${describeValue(value)}`);
  // WHY: messages may come without a type, and so may references.
  const type =
    value['type'] ?? ('role' in value ? 'message' : Object.keys(value).join() === 'id' ? 'item_reference' : undefined);
  const known = Object.entries(readers).find(([name]) => name === type);
  if (known !== undefined) return known[1](value);
  const problem = `${Object.keys(readers).join(', ')} are taken, got ${describeValue(type)}; no tools but functions are known here`;
  return new FieldProblem(['type'], problem);
}

/** OpenAI's ids have 64 characters at most. */
const ids = z.string().min(1).max(128);

function idOf({ id }: { readonly id?: string | null | undefined }, prefix: IdPrefix): string {
  return id ?? newId(prefix);
}

const messages = z.object({ id: ids.nullish(), role: z.enum(['user', 'assistant', 'system', 'developer']) });

function readMessage(item: Fields): MessageItem | FieldProblem {
  const { content: given } = item;
  if (item['role'] === 'tool') {
    return new FieldProblem(['role'], 'results of functions are items of type function_call_output here');
  }
  const read = readWith(messages, item);
  if (read instanceof FieldProblem) return read;
  const parts = typeof given === 'string' ? [{ type: 'input_text' as const, text: given }] : readParts(given);
  if (parts instanceof FieldProblem) return parts.within('content');
  const { role } = read;
  const content = parts.map((part): MessageItem['content'][number] => {
    if (part.type === 'refusal') return part;
    const { text } = part;
    return role === 'assistant' ? { type: 'output_text', text, annotations: [] } : { type: 'input_text', text };
  });
  return { type: 'message', id: idOf(read, 'msg'), role, status: 'completed', content };
}

const calls = z.object({ id: ids.nullish(), call_id: ids, name: z.string().min(1), arguments: z.string() });

function readFunctionCall(item: Fields): FunctionCallItem | FieldProblem {
  const read = readWith(calls, item);
  if (read instanceof FieldProblem) return read;
  return { type: 'function_call', ...read, id: idOf(read, 'fc'), status: 'completed' };
}

const outputs = z.object({ id: ids.nullish(), call_id: ids });

function readFunctionOutput(item: Fields): FunctionOutputItem | FieldProblem {
  const read = readWith(outputs, item);
  if (read instanceof FieldProblem) return read;
  const { output: given } = item;
  const output = typeof given === 'string' ? given : readInputTexts(given);
  if (output instanceof FieldProblem) return output.within('output');
  return { type: 'function_call_output', ...read, id: idOf(read, 'fco'), output, status: 'completed' };
}

const thoughts = z.object({
  id: ids.nullish(),
  summary: z.array(z.object({ type: z.literal('summary_text'), text: z.string() })).nullish(),
  content: z.array(z.object({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
});

function readReasoning(item: Fields): ReasoningItem | FieldProblem {
  const read = readWith(thoughts, item);
  if (read instanceof FieldProblem) return read;
  const { encrypted_content: carried, content: given } = read;
  const text = typeof carried === 'string' ? readCarriedThoughts(carried) : '';
  if (text === undefined) {
    const problem = 'it was made by another server and cannot be read here; leave the item out';
    return new FieldProblem(['encrypted_content'], problem);
  }
  const content = given ?? (text === '' ? [] : [{ type: 'reasoning_text' as const, text }]);
  const kept = typeof carried === 'string' ? { encrypted_content: carried } : {};
  const summary = read.summary ?? [];
  return { type: 'reasoning', id: idOf(read, 'rs'), summary, content, ...kept, status: 'completed' };
}

function readReference(item: Fields): ItemReference | FieldProblem {
  const read = readWith(z.object({ id: ids }), item);
  return read instanceof FieldProblem ? read : { type: 'item_reference', id: read.id };
}
