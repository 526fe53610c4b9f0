import type { AnswerParts } from './answer-part.ts';
import type { AnswerSource, Reading } from './answer-source.ts';
import type { ThoughtForm } from './call-form.ts';

export interface ThoughtOptions {
  readonly source: AnswerSource;
  readonly parts: AnswerParts;
  /** Whether the prompt has begun the thought. */
  readonly isBegun: boolean;
}

/**
 * Takes the thought with which an answer begins, if it begins with one. White space at its ends belongs to the marks. A thought that has
 * no end goes to the end of the text.
 */
export function* readThought({ open, close }: ThoughtForm, { source, parts, isBegun }: ThoughtOptions): Reading {
  // WHY also where it is begun: some models write the mark again.
  const isWritten = yield* source.takesWords([open]);
  if (!isBegun && !isWritten) return;
  parts.isThinking = true;
  yield* source.space();
  let space = '';
  for (;;) {
    space += yield* source.space();
    if (yield* source.takes(close)) break;
    const unit = yield* source.peek();
    if (unit === undefined) break;
    source.skip();
    parts.reasoning(space + unit);
    space = '';
  }
  parts.isThinking = false;
  yield* source.space();
}
