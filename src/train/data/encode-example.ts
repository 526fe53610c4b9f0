import { encodeRow, type EncodeRowOptions } from './encode-row.ts';
import { cutExample, type Example, type Truncation } from './example.ts';
import type { ExampleCounter } from './example-counter.ts';
import { learnsEnd } from './learned-end.ts';
import { parseRow, type ParseRowOptions } from './parse-row.ts';
import type { Row, RowPlace } from './row.ts';

export interface ReadExamplesOptions extends EncodeRowOptions, Pick<ParseRowOptions, 'format' | 'chosen'> {
  /** Longer examples are handled as `truncation` says. */
  readonly maxLength: number;
  /** Default: cut-end. */
  readonly truncation?: Truncation | undefined;
  /** How an example without a target within `maxLength` is handled: 'refuse' (default) and 'drop' for training, 'keep' for scoring. */
  readonly withoutTargets?: 'refuse' | 'drop' | 'keep' | undefined;
  /**
   * What is learned of a conversation whose earlier answers the template renders otherwise once others follow: 'last' (default), the
   * last answer; 'each', every answer, in a row of its own with what stands before it.
   */
  readonly answers?: 'last' | 'each' | undefined;
  readonly signal?: AbortSignal;
}

/** A row that became an example. */
export interface EncodedExample {
  readonly row: Row;
  readonly place: RowPlace;
  /** The example before it was cut. */
  readonly whole: Example;
  readonly example: Example;
  readonly isCut: boolean;
  /** Answers that are not learned because the template renders them otherwise once others follow. */
  readonly passedOver: number;
  /** Whether it teaches how an answer ends. */
  readonly learnsEnd: boolean;
  /** Its place among the examples of its row. */
  readonly part: number;
}

export interface EncodeExampleOptions extends ReadExamplesOptions {
  readonly counter: Pick<ExampleCounter, 'noteFormat' | 'noteUnknown'> | undefined;
}

/** Checks, encodes and cuts a parsed row. @throws EspalierError those of `parseRow` and `encodeRow` */
export function encodeExample(value: unknown, place: RowPlace, options: EncodeExampleOptions): EncodedExample {
  const { counter, format, chosen } = options;
  const row = parseRow(value, place, {
    format,
    chosen,
    onFormat: (name) => counter?.noteFormat(name),
    onUnknown: (field) => counter?.noteUnknown(field, place),
  });
  return encodeParsed(row, place, options, 0);
}

function encodeParsed(row: Row, place: RowPlace, options: EncodeExampleOptions, part: number): EncodedExample {
  const whole = encodeRow(row, place, options);
  const { maxLength, truncation, tokenizer } = options;
  const example = cutExample(whole, maxLength, { truncation, bosId: tokenizer?.bosId });
  return {
    row,
    place,
    whole,
    example,
    isCut: example !== whole,
    passedOver: whole.passedOver ?? 0,
    learnsEnd: learnsEnd(row, whole, options.tokenizer),
    part,
  };
}

/** Like `encodeExample`, with one example for each answer where the options ask for it and the row needs it. */
export function encodeExamples(value: unknown, place: RowPlace, options: EncodeExampleOptions): EncodedExample[] {
  const whole = encodeExample(value, place, options);
  const { row } = whole;
  if (options.answers !== 'each' || whole.passedOver === 0 || row.kind !== 'messages') return [whole];
  const answers = [...row.messages.keys()].filter(
    (index) => row.messages[index]?.role === 'assistant' && row.learned?.[index] !== false,
  );
  return answers.map((answer, part) => {
    const messages = row.messages.slice(0, answer + 1);
    return encodeParsed({ ...row, messages, learned: messages.map((_, i) => i === answer) }, place, options, part);
  });
}
