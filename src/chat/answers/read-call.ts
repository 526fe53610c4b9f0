import { type Reading, wordsOf } from './answer-source.ts';
import { type CallOptions, readCalls, readName } from './call-options.ts';
import type { CallBody, JsonCall, NamedCall } from './call-form.ts';
import { readJson, readWhole } from './read-json.ts';
import { readLoose } from './read-loose.ts';
import { readTagged } from './read-tagged.ts';

/**
 * Takes one call, or a list of calls.
 * @returns false where what comes is no call; nothing was added to the parts then
 */
export function* readCall(body: CallBody, options: CallOptions): Reading<boolean> {
  switch (body.kind) {
    case 'json':
    case 'list':
      return yield* readObjects(body, options);
    case 'named':
      return yield* readNamed(body, options);
    case 'tagged':
      return yield* readTagged(body, options);
    case 'loose':
      return yield* readLoose(body, options);
    default:
      return body satisfies never;
  }
}

/** An object, or a list of them: models write either, whatever their template has. */
function* readObjects(body: Keys, options: CallOptions): Reading<boolean> {
  yield* options.source.space();
  return yield* readCalls(options, () => readObject(body, options));
}

type Keys = Pick<JsonCall, 'nameKey' | 'argumentsKey'>;

/** What was read of an object so far. */
interface Found {
  name: string | undefined;
  /** Whether the call has begun among the parts. */
  isTold: boolean;
  /** Arguments that came before the name. */
  early: string | undefined;
}

function* readObject(keys: Keys, options: CallOptions): Reading<boolean> {
  const found: Found = { name: undefined, isTold: false, early: undefined };
  const isWhole = yield* readFields(keys, found, options);
  // What came behind the arguments is no part of a call.
  if (!isWhole && found.isTold) options.parts.text(options.source.recorded());
  if (found.isTold) return true;
  if (!isWhole || !tell(found, options)) return false;
  options.parts.arguments(found.early ?? '{}');
  return true;
}

/** @returns false if the call is none of the tools */
function tell(found: Found, { parts, tools, isStrict }: CallOptions): boolean {
  const { name } = found;
  if (name === undefined || (isStrict && !tools.has(name))) return false;
  parts.call(name);
  found.isTold = true;
  return true;
}

function* readFields(keys: Keys, found: Found, options: CallOptions): Reading<boolean> {
  const { source } = options;
  if (!(yield* source.takes('{'))) return false;
  for (;;) {
    yield* source.space();
    if (yield* source.takes('}')) return true;
    const key = (yield* readWhole(source))?.value;
    yield* source.space();
    if (typeof key !== 'string' || !(yield* source.takes(':'))) return false;
    yield* source.space();
    if (!(yield* readField(key, keys, found, options))) return false;
    yield* source.space();
    yield* source.takes(',');
  }
}

function* readField(key: string, keys: Keys, found: Found, options: CallOptions): Reading<boolean> {
  const { source, parts } = options;
  if (key === keys.nameKey) {
    const name = (yield* readWhole(source))?.value;
    if (typeof name !== 'string' || name === '') return false;
    found.name ??= name;
    return true;
  }
  if (key === 'function' && (yield* source.peek()) === '{') return yield* readFields(keys, found, options);
  if (key !== keys.argumentsKey || found.isTold) return (yield* readWhole(source)) !== undefined;
  if (found.name === undefined || (yield* source.peek()) !== '{') {
    const whole = yield* readWhole(source);
    found.early = whole && textOf(whole);
    return whole !== undefined;
  }
  if (!tell(found, options)) return false;
  const isWhole = yield* readJson(source, (unit) => parts.arguments(unit));
  source.record();
  return isWhole;
}

/** Some models quote the object once more, and some write null for none. */
function textOf({ text, value }: { readonly text: string; readonly value: unknown }): string {
  if (value === null) return '{}';
  return typeof value === 'string' ? value : text;
}

function* readNamed({ middle, isNumbered = false }: NamedCall, options: CallOptions): Reading<boolean> {
  const { source, parts, tools, isStrict } = options;
  const written = yield* readName(source);
  // WHY: some models leave the word or the number out.
  const name = isNumbered ? written.replace(/^functions\./, '').replace(/:\d+$/, '') : written;
  if (name === '' || (isStrict && !tools.has(name)) || !(yield* source.takesWords(wordsOf(middle)))) return false;
  yield* source.space();
  if ((yield* source.peek()) !== '{') return false;
  parts.call(name);
  yield* readJson(source, (unit) => parts.arguments(unit));
  return true;
}
