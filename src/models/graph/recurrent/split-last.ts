import type { Tape, Value } from '../../../ir/index.ts';

/** Splits the last axis into parts of these widths. */
export function splitLast<const Widths extends readonly number[]>(
  tape: Tape,
  x: Value,
  widths: Widths,
): { [Place in keyof Widths]: Value } {
  const parts = tape.ops('Split', [x, tape.int64s([...widths])], { outputs: widths.length, attributes: { axis: -1 } });
  assertAll(parts, widths);
  return parts;
}

function assertAll<Widths extends readonly number[]>(
  parts: Value[],
  widths: Widths,
): asserts parts is Value[] & { [Place in keyof Widths]: Value } {
  if (parts.length !== widths.length) throw new TypeError('Split has as many outputs as widths');
}
