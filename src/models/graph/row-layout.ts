import { distinctRowsKey, type Tape, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { lazily, memoized } from './memoized.ts';

/** Conversions between a list of tokens and a rectangle of rows. */
export interface Moves {
  /** f32 [tokens, width] → [batch·seq, width], zeros where there is no token */
  spread(tape: Tape, x: Value): Value;
  /** f32 or i64 [batch, seq, ...] → [tokens, width], or [tokens] without a width */
  collect(tape: Tape, x: Value, width?: number): Value;
}

/**
 * How a graph receives the tokens of a batch. Attention works on a rectangle of batch · seq places, with one row for each sequence. All
 * other parts of a network work on a list of tokens.
 */
export interface RowLayout extends Moves {
  /** i64 [batch, seq] or [tokens] */
  readonly inputIds: Value;
  /** i64 [2]: batch, seq */
  readonly rectangle: Value;
  /** i64 [1] */
  readonly seq: Value;
  /** i64 [tokens]: the position of each token in its row. */
  positions(): Value;
}

/**
 * The layout of rows that are padded on the right to the longest. Every place of the rectangle is a token.
 *
 * Input: `input_ids` i64 [batch, seq].
 */
export function paddedRows(builder: GraphBuilder, inputIds = addIds(builder, ['batch', 'seq'])): RowLayout {
  const tape = builder.tape('rows');
  const rectangle = tape.op('Shape', [inputIds]);
  const seq = tape.op('Shape', [inputIds], { attributes: { start: 1 } });
  return {
    inputIds,
    rectangle,
    seq,
    spread: (_, x) => x,
    collect: (at, x, width) => at.op('Reshape', [x, at.int64s(width === undefined ? [-1] : [-1, width])]),
    positions: lazily(() => {
      const range = tape.op('Range', [tape.int64(0), tape.op('Squeeze', [seq]), tape.int64(1)], { shape: ['seq'] });
      const every = tape.op('Expand', [range, rectangle], { shape: inputIds.shape ?? [] });
      return tape.op('Reshape', [every, tape.int64s([-1])]);
    }),
  };
}

/**
 * The layout of rows that lie end to end, without padding. Only the attention pads them, with zeros.
 *
 * Inputs: `input_ids` i64 [tokens]; `rectangle` i64 [2], the number of rows and the length of the longest; `token_places` i64
 * [tokens], row · seq + position of each token.
 */
export function packedRows(builder: GraphBuilder): RowLayout {
  const tape = builder.tape('rows');
  const inputIds = addIds(builder, ['tokens']);
  const rectangle = builder.graph.addInput('rectangle', 'int64', [2]);
  const places = builder.graph.addInput('token_places', 'int64', ['tokens']);
  const seq = tape.op('Slice', [rectangle, tape.int64s([1]), tape.int64s([2])]);
  return {
    inputIds,
    rectangle,
    seq,
    ...moves(tape, { rectangle, places }),
    positions: lazily(() => tape.op('Mod', [places, seq])),
  };
}

/**
 * Converts between a list of tokens and the rectangle that contains their places.
 *
 * @param at  `rectangle` i64 [2]: batch, seq; `places` i64 [tokens], none twice: row · seq + position of each token
 */
export function moves(tape: Tape, { rectangle, places }: { readonly rectangle: Value; readonly places: Value }): Moves {
  const columns = lazily(() => tape.op('Unsqueeze', [places, tape.int64s([1])]));
  const zeros = memoized((width: number) => {
    const count = tape.op('ReduceProd', [rectangle], { attributes: { keepdims: 1 } });
    const shape = tape.op('Concat', [count, tape.int64s([width])], { attributes: { axis: 0 } });
    return tape.op('ConstantOfShape', [shape], { shape: ['places', width] });
  });
  return {
    spread: (at, x) => at.op('ScatterND', [zeros(widthOf(x)), columns(), x]),
    collect: (at, x, width) => {
      const rest = width === undefined ? [] : [width];
      const flat = at.op('Reshape', [x, at.int64s([-1, ...rest])], { shape: ['places', ...rest] });
      return at.op('Gather', [flat, places], { metadata: { [distinctRowsKey]: 'true' } });
    },
  };
}

function addIds({ graph }: GraphBuilder, shape: readonly string[]): Value {
  return graph.addInput('input_ids', 'int64', shape);
}

function widthOf({ name, shape }: Value): number {
  const width = shape?.[1];
  if (typeof width !== 'number') throw new TypeError(`${name} is no list of vectors of a known width`);
  return width;
}
