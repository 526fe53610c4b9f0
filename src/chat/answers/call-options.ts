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
