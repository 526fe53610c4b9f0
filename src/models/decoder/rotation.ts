import type { Tape, Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { changingLength, plainFrequencies, ropeFrequencies, ropeTables, type RopeConfig } from './rope.ts';

/** The inputs of the operator RotaryEmbedding for the heads of a layer. */
export interface Rotation {
  /** f32 [rows of the table, dims / 2] */
  readonly cos: Value;
  readonly sin: Value;
  /** The rows of the tables: i64 [1], the first position, or i64 [batch, seq] */
  readonly positions: Value;
}

/** The positions of tokens in the graph that is built. */
export interface Places {
  readonly tape: Tape;
  /** The length of the longest row that the graph supports. */
  readonly maxLength: number;
  /** i64 [1], the first position, or i64 [batch, seq] */
  readonly positions: Value;
  /** i64 [batch, 1] or [1, 1]: the length of each row, including its past */
  lengths(): Value;
  /** i64 [batch, seq] or [1, seq]: the position of each token */
  everyPosition(): Value;
}

/** Whether one table is valid for rows of every length, so that the rotation depends on the position only. */
export function isStatic(rope: RopeConfig, maxLength: number): boolean {
  const original = changingLength(rope);
  return original === undefined || maxLength <= original;
}

export function rotationOf(rope: RopeConfig, places: Places): Rotation {
  if (isStatic(rope, places.maxLength)) return staticRotation(rope, places);
  return rope.scaling.kind === 'dynamic' ? dynamicRotation(rope, places) : chosenRotation(rope, places);
}

function staticRotation(rope: RopeConfig, { tape, maxLength, positions }: Places): Rotation {
  const tables = ropeTables(maxLength, [ropeFrequencies(rope, { beyond: false })]);
  return { cos: tape.constant(tables.cos, 'cos'), sin: tape.constant(tables.sin, 'sin'), positions };
}

/** Two concatenated tables. Longer rows use the second, by an offset that costs nothing. */
function chosenRotation(rope: RopeConfig, { tape, maxLength, positions, lengths }: Places): Rotation {
  const variants = [false, true].map((beyond) => ropeFrequencies(rope, { beyond }));
  const tables = ropeTables(maxLength, variants);
  const isBeyond = tape.op('Greater', [lengths(), tape.int64(changingLength(rope) ?? 0)]);
  const start = tape.op('Where', [isBeyond, tape.int64(maxLength), tape.int64(0)]);
  const flat = positions.shape?.length === 1 ? tape.op('Reshape', [start, tape.int64s([1])]) : start;
  return {
    cos: tape.constant(tables.cos, 'cos'),
    sin: tape.constant(tables.sin, 'sin'),
    positions: tape.op('Add', [positions, flat]),
  };
}

/**
 * The base of the frequencies grows with the length n of the row beyond the original length L. So the graph computes the tables, with
 * one row for each token.
 *
 *   f = theta^(−2i / dims) · g^(−2i / (dims − 2)),   g = factor·max(n, L) / L − (factor − 1)
 */
function dynamicRotation(rope: RopeConfig, places: Places): Rotation {
  const { tape, everyPosition, lengths } = places;
  const { scaling, dims } = rope;
  if (scaling.kind !== 'dynamic') throw new TypeError('the frequencies do not change with the length');
  const half = dims / 2;
  const exponents = Float32Array.from({ length: half }, (_, i) => (-2 * i) / (dims - 2));
  const float32 = (x: Value): Value => tape.op('Cast', [x], { attributes: { to: 1 } });
  const length = float32(tape.op('Max', [lengths(), tape.int64(scaling.originalLength)]));
  const stretched = tape.op('Mul', [length, tape.scalar(scaling.factor / scaling.originalLength)]);
  const growth = tape.op('Sub', [stretched, tape.scalar(scaling.factor - 1)]); // [rows, 1]
  const slower = tape.op('Pow', [growth, tape.constant(tensorOf('float32', [half], exponents))]); // [rows, half]
  const plain = tape.constant(tensorOf('float32', [half], Float32Array.from(plainFrequencies(rope))));
  const frequencies = tape.op('Unsqueeze', [tape.op('Mul', [slower, plain]), tape.int64s([1])]); // [rows, 1, half]
  const positions = everyPosition();
  const columns = tape.op('Unsqueeze', [float32(positions), tape.int64s([2])]); // [rows, seq, 1]
  const angles = tape.op('Reshape', [tape.op('Mul', [columns, frequencies]), tape.int64s([-1, half])]);
  return {
    cos: tape.op('Cos', [angles]),
    sin: tape.op('Sin', [angles]),
    // When positions count up from 0, the rows of the tables are the positions. Otherwise there is one row for each token.
    positions: places.positions.shape?.length === 1 ? places.positions : rowNumbers(tape, positions),
  };
}

/** The numbers 0, 1, 2, ... in the shape of `like`: i64 [rows, seq]. */
function rowNumbers(tape: Tape, like: Value): Value {
  const shape = tape.op('Shape', [like]);
  const count = tape.op('ReduceProd', [shape], { attributes: { keepdims: 0 } });
  return tape.op('Reshape', [tape.op('Range', [tape.int64(0), count, tape.int64(1)]), shape]);
}
