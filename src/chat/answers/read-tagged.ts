import type { AnswerParts } from './answer-part.ts';
import { type AnswerSource, type Reading, wordsOf } from './answer-source.ts';
import type { TaggedCall } from './call-form.ts';
import { type CallOptions, readName } from './call-options.ts';
import { jsonOfWord, JsonText } from './json-text.ts';

/**
 * Takes a call whose arguments stand between tags, and writes them as JSON.
 * @returns false where what comes is no call
 */
export function* readTagged(form: TaggedCall, { source, parts, tools, isStrict }: CallOptions): Reading<boolean> {
  const name = yield* readName(source);
  if (name === '' || (isStrict && !tools.has(name))) return false;
  if (!(yield* source.takesWords(wordsOf(form.afterName)))) return false;
  parts.call(name);
  let before = '{';
  while (yield* source.takesWords(wordsOf(form.keyOpen))) {
    const key = yield* readKey(source, wordsOf(form.keyClose));
    parts.arguments(`${before}${JSON.stringify(key)}: `);
    before = ', ';
    const write = tools.isText(name, key) === true ? writeText : writeValue;
    // WHY without a bracket: the arguments of an answer that was cut off are cut off, too.
    if (!(yield* write(source, form.valueClose.trim(), parts))) return true;
  }
  parts.arguments(before === '{' ? '{}' : '}');
  return true;
}

/** Many times the longest key. */
const longestKey = 256;

function* readKey(source: AnswerSource, end: readonly string[]): Reading<string> {
  let key = '';
  while (key.length < longestKey && !(yield* source.takesWords(end))) {
    const unit = yield* source.peek();
    if (unit === undefined) break;
    key += unit;
    source.skip();
  }
  return key.trim();
}

/**
 * The units of a value up to the mark behind it, without one line end at either side, which belongs to the tags.
 * @returns false if the text ends within it
 */
function* unitsUntil(source: AnswerSource, end: string, write: (unit: string) => void): Reading<boolean> {
  yield* source.takes('\n');
  for (;;) {
    if (yield* source.takes(end)) return true;
    const unit = yield* source.peek();
    if (unit === undefined) return false;
    source.skip();
    if (unit === '\n' && (yield* source.takes(end))) return true;
    write(unit);
  }
}

function* writeText(source: AnswerSource, end: string, parts: AnswerParts): Reading<boolean> {
  const text = new JsonText((json) => parts.arguments(json));
  if (!(yield* unitsUntil(source, end, (unit) => text.add(unit)))) return false;
  text.end();
  return true;
}

function* writeValue(source: AnswerSource, end: string, parts: AnswerParts): Reading<boolean> {
  let value = '';
  const isWhole = yield* unitsUntil(source, end, (unit) => (value += unit));
  parts.arguments(isWhole ? jsonOfWord(value) : value);
  return isWhole;
}
