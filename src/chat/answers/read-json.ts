import type { AnswerSource, Reading } from './answer-source.ts';

/**
 * Takes a JSON value as far as brackets and quotes say where it ends, and gives each unit to `write`. What is between them is not
 * checked: the client gets what the model wrote.
 * @returns false if the text ends within the value, or none comes
 */
export function* readJson(source: AnswerSource, write: (unit: string) => void): Reading<boolean> {
  const unit = yield* source.peek();
  if (unit === '"') return yield* readString(source, write);
  return yield* unit === '{' || unit === '[' ? readNested(source, write) : readScalar(source, write);
}

function* readNested(source: AnswerSource, write: (unit: string) => void): Reading<boolean> {
  let depth = 0;
  do {
    const unit = yield* source.peek();
    if (unit === undefined) return false;
    if (unit === '"') {
      if (!(yield* readString(source, write))) return false;
      continue;
    }
    source.skip();
    write(unit);
    if (unit === '{' || unit === '[') depth++;
    if (unit === '}' || unit === ']') depth--;
  } while (depth > 0);
  return true;
}

function* readScalar(source: AnswerSource, write: (unit: string) => void): Reading<boolean> {
  let isBegun = false;
  for (let unit = yield* source.peek(); unit !== undefined && /[\w.+-]/.test(unit); unit = yield* source.peek()) {
    source.skip();
    write(unit);
    isBegun = true;
  }
  return isBegun;
}

/** Takes a JSON string with its quotes. @returns false if the text ends within it */
function* readString(source: AnswerSource, write: (unit: string) => void): Reading<boolean> {
  let isEscaped = false;
  for (let isFirst = true; ; isFirst = false) {
    const unit = yield* source.peek();
    if (unit === undefined) return false;
    source.skip();
    write(unit);
    if (unit === '"' && !isEscaped && !isFirst) return true;
    isEscaped = unit === '\\' && !isEscaped;
  }
}

/** Takes a JSON value. @returns its text; undefined if it is no JSON */
export function* readWhole(
  source: AnswerSource,
): Reading<{ readonly text: string; readonly value: unknown } | undefined> {
  let text = '';
  if (!(yield* readJson(source, (unit) => (text += unit)))) return undefined;
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
