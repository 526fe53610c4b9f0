import { encodeRow, type EncodeRowOptions } from './encode-row.ts';
import { cutExample, type Example } from './example.ts';
import type { ExampleCounter } from './example-counter.ts';
import { parseRow, type ParseRowOptions } from './parse-row.ts';
import type { Row, RowPlace } from './row.ts';

export interface ReadExamplesOptions extends EncodeRowOptions, Pick<ParseRowOptions, 'format' | 'chosen'> {
  /** Longer examples are cut to this many tokens. */
  readonly maxLength: number;
  /** How an example without a target within `maxLength` is handled: 'drop' (default) for training, 'keep' for scoring. */
  readonly withoutTargets?: 'drop' | 'keep';
  readonly signal?: AbortSignal;
}

/** A row that became an example. */
export interface EncodedExample {
  readonly row: Row;
  /** The example before it was cut. */
  readonly whole: Example;
  readonly example: Example;
  readonly isCut: boolean;
  /** Answers that are not learned because the template renders them otherwise once others follow. */
  readonly passedOver: number;
}

export interface EncodeExampleOptions extends ReadExamplesOptions {
  readonly counter: Pick<ExampleCounter, 'noteFormat' | 'noteUnknown'> | undefined;
}

/** Checks, encodes and cuts a parsed row. @throws EspalierError those of `parseRow` and `encodeRow` */
export function encodeExample(value: unknown, place: RowPlace, options: EncodeExampleOptions): EncodedExample {
  const { counter, format, chosen, maxLength } = options;
  const row = parseRow(value, place, {
    format,
    chosen,
    onFormat: (name) => counter?.noteFormat(name),
    onUnknown: (field) => counter?.noteUnknown(field, place),
  });
  const whole = encodeRow(row, place, options);
  const example = cutExample(whole, maxLength);
  return { row, whole, example, isCut: example !== whole, passedOver: whole.passedOver ?? 0 };
}
