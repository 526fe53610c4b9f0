import { type AnswerPart, AnswerParts } from './answer-part.ts';
import { AnswerSource, type Reading } from './answer-source.ts';
import type { AnswerForm } from './call-form.ts';
import { readText, readTextAndCalls } from './read-answer.ts';
import { readChannels } from './read-channels.ts';
import { readThought } from './read-thought.ts';
import { toolTypesOf } from './tool-types.ts';
import type { Tool } from '../read-tools.ts';

export interface AnswerReaderOptions {
  readonly form: AnswerForm;
  /** The tools that the answer may call. undefined: what looks like a call is text. */
  readonly tools: readonly Tool[] | undefined;
  /** Whether the answer ends with its first call. */
  readonly isSingle: boolean;
  /** Whether the prompt ends within a thought. */
  readonly isThinking: boolean;
}

/**
 * Reads what a model writes into words, thoughts and calls of tools, as it comes. The parts that it gives, joined, do not depend on how the
 * text was divided, and nothing of the text is lost but the marks of the form.
 */
export class AnswerReader {
  readonly #source = new AnswerSource();
  readonly #parts = new AnswerParts();
  readonly #reading: Reading;
  #isEnded = false;

  constructor(options: AnswerReaderOptions) {
    this.#reading = read(options, this.#source, this.#parts);
    this.#continue();
  }

  /** Whether the answer has had its one call, after which nothing is read. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether what comes next belongs to a thought. */
  get isThinking(): boolean {
    return this.#parts.isThinking;
  }

  /** Calls that have begun. */
  get calls(): number {
    return this.#parts.calls;
  }

  push(text: string): readonly AnswerPart[] {
    this.#source.push(text);
    return this.#continue();
  }

  /** @returns what was held back */
  end(): readonly AnswerPart[] {
    this.#source.end();
    return this.#continue();
  }

  #continue(): readonly AnswerPart[] {
    if (this.#reading.next().done === true) this.#isEnded = true;
    return this.#parts.take();
  }
}

function* read(
  { form, tools, isSingle, isThinking }: AnswerReaderOptions,
  source: AnswerSource,
  parts: AnswerParts,
): Reading {
  const { calls, thoughts } = form;
  if (calls === 'harmony') {
    return yield* readChannels({ source, parts, takesCalls: tools !== undefined, isSingle });
  }
  if (thoughts !== undefined) yield* readThought(thoughts, { source, parts, isBegun: isThinking });
  const options = { source, parts, tools: toolTypesOf(tools ?? []), isSingle };
  return yield* tools === undefined || calls === undefined ? readText(options) : readTextAndCalls(calls, options);
}
