import { randomBytes } from 'node:crypto';
import { type AnswerForm, AnswerReader, type AnswerReaderOptions } from '../chat/index.ts';
import type { ConstraintSpec } from '../constrain/index.ts';

/** How the text of an answer is read into words, thoughts and calls of tools. */
export interface Reading {
  /** The special tokens that have to be seen in the text. */
  readonly visible: ReadonlySet<number>;
  /** Whether thoughts are given, or only counted. */
  readonly showsThoughts: boolean;
  /** The form that the text must have, with its marks. undefined: that of the request, if it has one. */
  readonly constraint: ConstraintSpec | undefined;
  /** Makes a reader. Each choice has its own. */
  createReader(): AnswerReader;
  newCallId(): string;
}

export interface ReadingOptions extends AnswerReaderOptions {
  readonly showsThoughts: boolean;
  readonly constraint: ConstraintSpec | undefined;
}

export function createReading({ showsThoughts, constraint, ...options }: ReadingOptions): Reading {
  const { form } = options;
  return {
    visible: form.markIds,
    showsThoughts,
    constraint,
    createReader: () => new AnswerReader(options),
    newCallId: () => newCallId(form),
  };
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An id for a call: OpenAI's form, or nine letters and digits for templates that take no others. */
function newCallId({ hasShortIds }: Pick<AnswerForm, 'hasShortIds'>): string {
  const random = (length: number): string =>
    Array.from(randomBytes(length), (byte) => letters[byte % letters.length]).join('');
  return hasShortIds ? random(9) : `call_${random(24)}`;
}
