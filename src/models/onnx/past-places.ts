import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';

/** The inputs that give the places of the tokens of a run. */
export interface RowLengths {
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i32 [batch]: the length of each row with its new tokens, minus one. */
  readonly seqlens: Value;
  /** i32 []: the longest row's length. */
  readonly total: Value;
}

/** The same places as the numbers that the parts of a decode graph need. All are i64. */
export interface RowPlaces {
  readonly batch: Value;
  readonly seq: Value;
  /** [1] and []: the length of the longest row, and how many of its tokens ran before. */
  readonly total: { readonly list: Value; readonly scalar: Value };
  readonly past: { readonly list: Value; readonly scalar: Value };
  /** [batch, 1]: by how much a row is moved to the right, so that all rows end at the same column. */
  readonly shift: Value;
  /** [batch, seq]: the places of the new tokens in their rows, from 0. */
  readonly fresh: Value;
}

/** Adds the arithmetic for rows of different lengths. `[1]` and `[]` are the shapes of its numbers. */
export function addRowPlaces(tape: Tape, { inputIds, seqlens, total }: RowLengths): RowPlaces {
  const one = tape.int64s([1]);
  const [batch, seq] = [sizeOf(tape, inputIds, 0), sizeOf(tape, inputIds, 1)];
  const lengths = tape.op('Add', [wide(tape, seqlens), one]);
  const whole = wide(tape, total);
  const list = tape.op('Unsqueeze', [whole, tape.int64s([0])]);
  const past = tape.op('Sub', [list, seq]);
  const column = tape.op('Unsqueeze', [lengths, one]);
  const first = tape.op('Sub', [column, seq]);
  return {
    batch,
    seq,
    total: { list, scalar: whole },
    past: { list: past, scalar: scalarOf(tape, past) },
    shift: tape.op('Sub', [list, column]),
    fresh: tape.op('Add', [first, countUpTo(tape, scalarOf(tape, seq))], { shape: ['batch', 'seq'] }),
  };
}

/**
 * i64 [batch, count]: the position in its row of the token at each place of a rectangle in which all rows end at the same column.
 * Places before the first token of a row get the position of that token. So no value of another sequence is ever read, not even one
 * that a mask hides.
 */
export function placesEndingTogether(tape: Tape, { shift }: RowPlaces, count: Value): Value {
  const moved = tape.op('Sub', [countUpTo(tape, count), shift]);
  return tape.op('Max', [moved, tape.int64(0)]);
}

/** i64 [batch, total]: 0 before the first token of a row, 1 from it on. */
export function maskEndingTogether(tape: Tape, { shift, total }: RowPlaces): Value {
  const isReal = tape.op('GreaterOrEqual', [countUpTo(tape, total.scalar), shift]);
  return tape.op('Cast', [isReal], { attributes: { to: dataTypeNumber('int64') } });
}

export function countUpTo(tape: Tape, count: Value): Value {
  return tape.op('Range', [tape.int64(0), count, tape.int64(1)]);
}

function wide(tape: Tape, value: Value): Value {
  return tape.op('Cast', [value], { attributes: { to: dataTypeNumber('int64') } });
}

/** i64 [1] */
function sizeOf(tape: Tape, value: Value, axis: number): Value {
  return tape.op('Shape', [value], { attributes: { start: axis, end: axis + 1 } });
}

export function scalarOf(tape: Tape, list: Value): Value {
  return tape.op('Squeeze', [list, tape.int64s([0])]);
}
