import type { AnswerParts } from './answer-part.ts';
import { type AnswerSource, type Reading, wordsOf } from './answer-source.ts';
import type { CallForm } from './call-form.ts';
import { readCall } from './read-call.ts';
import type { ToolTypes } from './tool-types.ts';

export interface TextOptions {
  readonly source: AnswerSource;
  readonly parts: AnswerParts;
  readonly tools: ToolTypes;
  /** Whether it ends with the first call. */
  readonly isSingle: boolean;
}

/** Takes a text without calls. */
export function* readText({ source, parts }: TextOptions): Reading {
  for (let unit = yield* source.peek(); unit !== undefined; unit = yield* source.peek()) {
    parts.text(unit);
    source.skip();
  }
}

/**
 * Takes a text and the calls in it. White space before a call, and after the last one, belongs to the form. What looks like a call and
 * is none stays text, as it was written.
 */
export function* readTextAndCalls(form: CallForm, options: TextOptions): Reading {
  const { source, parts, isSingle } = options;
  const opens = opensOf(form);
  const isBare = wordsOf(form.open).length === 0;
  const bareOpen = form.call.kind === 'loose' ? '[' : '{';
  let space = '';
  let after: 'nothing' | 'text' | 'call' = 'nothing';
  for (;;) {
    space += yield* source.space();
    if (after === 'call' && isBare && (yield* source.takes(';'))) space += yield* source.space();
    if (after === 'call' && (yield* takesSectionClose(form, source))) continue;
    const unit = yield* source.peek();
    if (unit === undefined) break;
    source.record();
    const isOpen = (yield* takesAny(opens, source)) || (isBare && after !== 'text' && unit === bareOpen);
    const isCall = isOpen && (yield* readOne(form, options));
    const raw = source.recorded();
    if (isCall) {
      space = '';
      after = 'call';
      if (isSingle) return;
      continue;
    }
    if (!isOpen) source.skip();
    parts.text(space + (isOpen ? raw : unit));
    space = '';
    after = 'text';
  }
  if (after !== 'call') parts.text(space);
}

/** The words before a call: those of the section and of the call, or those of the call alone. */
function opensOf({ sectionOpen, open }: CallForm): readonly (readonly string[])[] {
  return [wordsOf(`${sectionOpen} ${open}`), wordsOf(open)].filter((words) => words.length > 0);
}

function* takesAny(all: readonly (readonly string[])[], source: AnswerSource): Reading<boolean> {
  for (const words of all) if (yield* source.takesWords(words)) return true;
  return false;
}

function* takesSectionClose({ sectionClose }: CallForm, source: AnswerSource): Reading<boolean> {
  const words = wordsOf(sectionClose);
  return words.length > 0 && (yield* source.takesWords(words));
}

function* readOne(form: CallForm, options: TextOptions): Reading<boolean> {
  const isStrict = wordsOf(form.open).length === 0 && (form.call.kind === 'json' || form.call.kind === 'loose');
  const isCall = yield* readCall(form.call, { ...options, isStrict });
  if (isCall) yield* options.source.takesWords(wordsOf(form.close));
  return isCall;
}
