import type { ToolCall } from '../../tokenizer/index.ts';
import type { CallBody, CallForm, JsonCall } from './call-form.ts';
import { endOfJson } from './end-of-json.ts';
import { sharedEnd, sharedStart } from './shared-tags.ts';

/** Names and arguments by which calls are found in a rendered text. */
const names = ['probe_call', 'probe_other'] as const;
const [firstKey, secondKey] = ['probe_key', 'probe_more'];
const [firstValue, secondValue] = ['probe_value', 'probe_last'];

const parameters = {
  type: 'object',
  properties: { [firstKey]: { type: 'string', description: 'a' }, [secondKey]: { type: 'string', description: 'b' } },
  required: [],
};

/** The tools of the calls. */
export const probeTools = names.map((name) => ({
  type: 'function',
  function: { name, description: 'a call', parameters },
}));

/** Renders what an assistant writes for these calls, from the generation prompt to the end of the turn; undefined where it cannot. */
export type RenderCalls = (calls: readonly ToolCall[]) => string | undefined;

/**
 * Finds out in which form a template writes calls, by rendering calls and looking at what surrounds their names and arguments.
 *
 * @returns undefined where it writes none, or in a form that is not known
 */
export function findCallForm(render: RenderCalls): CallForm | undefined {
  const one = render([callOf(names[0])]);
  if (one === undefined || !one.includes(names[0])) return undefined;
  return jsonForm(one) ?? literalForm(one, render([callOf(names[0]), callOf(names[1])]));
}

function callOf(name: string): ToolCall {
  const given = { [firstKey]: firstValue, [secondKey]: secondValue };
  // WHY nine letters and digits: some templates refuse any other id.
  return { id: 'probe0001', type: 'function', function: { name, arguments: given } };
}

/** Where an object, or a list of objects, holds both the name and the arguments. */
function jsonForm(written: string): CallForm | undefined {
  const at = written.indexOf(names[0]);
  for (let start = 0; start < at; start++) {
    if (!'{['.includes(written[start] ?? ' ')) continue;
    const end = endOfJson(written, start);
    const keys = end === undefined ? undefined : keysOf(parsed(written.slice(start, end)));
    if (keys === undefined) continue;
    const [before, after] = [written.slice(0, start), written.slice(end)];
    return { sectionOpen: '', open: before, call: keys, close: after, sectionClose: '' };
  }
  return undefined;
}

function keysOf(value: unknown): CallBody | undefined {
  if (!Array.isArray(value)) return keysOfObject(value);
  const keys = keysOfObject(value[0]);
  return keys && { ...keys, kind: 'list' };
}

function keysOfObject(value: unknown): JsonCall | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  const nameKey = entries.find(([, field]) => field === names[0])?.[0];
  const argumentsKey = entries.find(([, field]) => hasArguments(field))?.[0];
  if (nameKey !== undefined && argumentsKey !== undefined) return { kind: 'json', nameKey, argumentsKey };
  return 'function' in value ? keysOfObject(value.function) : undefined;
}

/** Whether it is the arguments, as an object or as its JSON in a text. */
function hasArguments(field: unknown): boolean {
  const value = typeof field === 'string' ? parsed(field) : field;
  return typeof value === 'object' && value !== null && firstKey in value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where a name stands in literal text, before the arguments. */
function literalForm(one: string, two: string | undefined): CallForm | undefined {
  const first = literalCall(one, 0);
  if (first === undefined) return undefined;
  const [before, after] = [one.slice(0, first.start), one.slice(first.end)];
  const [begin, end] = [before.trimEnd(), after.trimStart()];
  if (first.body.kind === 'loose' && begin.endsWith('[') && end.startsWith(']')) {
    const call = { ...first.body, isList: true };
    return { sectionOpen: '', open: begin.slice(0, -1), call, close: end.slice(1), sectionClose: '' };
  }
  const single = { sectionOpen: '', open: before, call: first.body, close: after, sectionClose: '' };
  const [begun, second] = [two && literalCall(two, 0), two && literalCall(two, 1)];
  if (!two || !begun || !second || second.start < begun.end) return single;
  const between = two.slice(begun.end, second.start);
  const behind = two.slice(second.end);
  const open = sharedEnd(before, between);
  const close = sharedStart(between, behind);
  const sectionOpen = before.slice(0, before.length - open.length);
  return { sectionOpen, open, call: first.body, close, sectionClose: behind.slice(close.length) };
}

interface LiteralCall {
  readonly start: number;
  readonly end: number;
  readonly body: CallBody;
}

function literalCall(written: string, which: 0 | 1): LiteralCall | undefined {
  const start = written.indexOf(names[which]);
  const behindName = start + names[which].length;
  const key = written.indexOf(firstKey, behindName);
  if (start < 0 || key < 0) return undefined;
  const brace = written.lastIndexOf('{', key);
  const end = brace < behindName ? undefined : endOfJson(written, brace);
  if (end !== undefined && hasArguments(parsed(written.slice(brace, end)))) {
    return { start, end, body: { kind: 'named', middle: written.slice(behindName, brace) } };
  }
  return taggedCall(written, start, behindName) ?? looseCall(written, start, behindName);
}

/** Where brackets, keys and quotes are those of a programming language. */
function looseCall(written: string, start: number, behindName: number): LiteralCall | undefined {
  const key = written.indexOf(firstKey, behindName);
  const value = written.indexOf(firstValue, key);
  const last = written.indexOf(secondValue, value);
  if (value < 0 || last < 0) return undefined;
  const open = written.slice(behindName, key).trim();
  const [, pair, quote] = /^\s*([=:])\s*(\S+)$/.exec(written.slice(key + firstKey.length, value)) ?? [];
  if ((open !== '(' && open !== '{') || (pair !== '=' && pair !== ':') || quote === undefined) return undefined;
  const behind = last + secondValue.length;
  const close = open === '(' ? ')' : '}';
  const end = written.indexOf(close, behind) + 1;
  if (written.slice(behind, end).replaceAll(/\s/g, '') !== quote + close) return undefined;
  return { start, end, body: { kind: 'loose', open, pair, quote, isList: false } };
}

function taggedCall(written: string, start: number, behindName: number): LiteralCall | undefined {
  const texts = [firstKey, firstValue, secondKey, secondValue];
  const places = texts.map((text) => written.indexOf(text, behindName));
  if (places.some((place, index) => place < (places[index - 1] ?? behindName))) return undefined;
  const [key = 0, value = 0, more = 0, last = 0] = places;
  const head = written.slice(behindName, key);
  const between = written.slice(value + firstValue.length, more);
  const tail = written.slice(last + secondValue.length);
  const keyOpen = sharedEnd(head, between);
  const valueClose = sharedStart(between, tail);
  const keyClose = written.slice(key + firstKey.length, value);
  if ([keyOpen, keyClose, valueClose].some((literal) => literal.trim() === '')) return undefined;
  const afterName = head.slice(0, head.length - keyOpen.length);
  const end = last + secondValue.length + valueClose.length;
  return { start, end, body: { kind: 'tagged', afterName, keyOpen, keyClose, valueClose } };
}
