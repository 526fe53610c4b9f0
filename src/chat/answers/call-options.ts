import type { AnswerParts } from './answer-part.ts';
import type { AnswerSource, Reading } from './answer-source.ts';
import type { ToolTypes } from './tool-types.ts';

/** What the readers of calls share. */
export interface CallOptions {
  readonly source: AnswerSource;
  readonly parts: AnswerParts;
  readonly tools: ToolTypes;
  /** Whether only a name of the tools is a call. */
  readonly isStrict: boolean;
  /** Whether only the first of a list is read. */
  readonly isSingle: boolean;
}

/** Several times the longest name of a tool. */
const longestName = 256;

/** @returns the name that comes next; '' for none */
export function* readName(source: AnswerSource): Reading<string> {
  yield* source.space();
  let name = '';
  while (name.length < longestName) {
    const unit = yield* source.peek();
    if (unit === undefined || !/[\p{L}\p{N}_.:/-]/u.test(unit)) break;
    name += unit;
    source.skip();
  }
  return name;
}

/**
 * Takes a call, or a list of calls in brackets.
 * @param readOne  takes a call, or returns false where what comes is none
 * @returns false if the first is none
 */
export function* readCalls(
  { source, parts, isSingle }: CallOptions,
  readOne: () => Reading<boolean>,
): Reading<boolean> {
  if (!(yield* source.takes('['))) return yield* readOne();
  yield* source.space();
  if (!(yield* readOne())) return false;
  yield* source.space();
  while (!isSingle && (yield* source.takes(','))) {
    source.record();
    yield* source.space();
    if (!(yield* readOne())) {
      parts.text(source.recorded());
      return true;
    }
    yield* source.space();
  }
  yield* source.takes(']');
  return true;
}
