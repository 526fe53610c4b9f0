import type { Tape, Value } from '../../../ir/index.ts';
import { dataTypeNumber } from '../../../tensor/index.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { lazily, memoized } from '../memoized.ts';
import type { RowLayout } from '../row-layout.ts';
import { chunkGrid, type ChunkGrid } from './chunk-grid.ts';

/** A state of each row: what it is before the tokens of the run, and the place for what it is after them. */
export interface RowState {
  /** f32 [batch, ...shape]; undefined: zeros, since every row begins in this graph */
  readonly before: Value | undefined;
  /** Must be called once, with f32 [batch, ...shape]. Does nothing in a graph of whole rows. */
  keep(after: Value): void;
}

/** The rows of a graph as recurrent layers see them: rectangles of rows in the order of their tokens, and a state for each row. */
export interface StateRows {
  /** The rows cut into chunks of at most so many tokens. */
  chunks(size: number): ChunkGrid;
  /** Whether states are kept: the graph then continues rows, and is not differentiated. */
  readonly continues: boolean;
  /** f32 [tokens, width] → [batch, seq, width]. What is in places without a token may be anything. */
  enter(tape: Tape, x: Value, width: number): Value;
  /** f32 [batch, seq, width] → [tokens, width] */
  leave(tape: Tape, x: Value, width: number): Value;
  /** The next state in the order of `ModelConfig.states`. */
  state(tape: Tape, shape: readonly number[]): RowState;
}

/**
 * Rows that begin and end in one run.
 *
 * WHY padding needs no mask: it is on the right of each row, and a recurrent layer sees only what is on the left.
 */
export function wholeRows(builder: GraphBuilder, rows: RowLayout): StateRows {
  const shapeOf = shapes(builder, rows.rectangle);
  return {
    chunks: memoized((size) => chunkGrid(builder.tape('states'), { ...rows, size })),
    continues: false,
    enter: (tape, x, width) =>
      tape.op('Reshape', [rows.spread(tape, x), shapeOf(width)], { shape: ['batch', 'seq', width] }),
    leave: (tape, x, width) => rows.collect(tape, x, width),
    state: () => ({ before: undefined, keep: () => undefined }),
  };
}

export interface ContinuedInputs {
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i32 [batch]: the length of each row with its new tokens, minus one */
  readonly seqlens: Value;
}

/**
 * Rows that continue. Each state has an input `past_state.N` and an output `present_state.N`, f32 [batch, ...shape]. The caller binds both
 * to the same memory. A row that begins gets zeros for whatever lies there.
 *
 * WHY one node reads the past, and everything else reads its result: the memory may be overwritten as soon as this node has run.
 */
export function continuedRows(builder: GraphBuilder, { inputIds, seqlens }: ContinuedInputs): StateRows {
  const tape = builder.tape('states');
  const rectangle = lazily(() => tape.op('Shape', [inputIds]));
  const seq = lazily(() => tape.op('Shape', [inputIds], { attributes: { start: 1 } }));
  const begins = lazily(() => {
    const attributes = { to: dataTypeNumber('int64') };
    const length = tape.op('Add', [tape.op('Cast', [seqlens], { attributes }), tape.int64(1)]);
    return tape.op('Equal', [length, seq()]);
  });
  const shapeOf = lazily(() => shapes(builder, rectangle()));
  let states = 0;
  return {
    chunks: memoized((size) => chunkGrid(tape, { seq: seq(), rectangle: rectangle(), size })),
    continues: true,
    enter: (at, x, width) => at.op('Reshape', [x, shapeOf()(width)], { shape: ['batch', 'seq', width] }),
    leave: (at, x, width) => at.op('Reshape', [x, at.int64s([-1, width])]),
    state(at, shape) {
      const number = states++;
      const dims = ['batch', ...shape];
      const past = builder.graph.addInput(`past_state.${number}`, 'float32', dims);
      const begin = at.op('Reshape', [begins(), at.int64s([-1, ...shape.map(() => 1)])]);
      return {
        before: at.op('Where', [begin, at.scalar(0), past], { shape: dims }),
        keep(after) {
          after.shape = dims;
          builder.graph.rename(after, `present_state.${number}`);
          builder.graph.addOutput(after);
        },
      };
    },
  };
}

/** i64 [3]: batch, seq and a width */
function shapes(builder: GraphBuilder, rectangle: Value): (width: number) => Value {
  const tape = builder.tape('states');
  return (width) => tape.op('Concat', [rectangle, tape.int64s([width])], { attributes: { axis: 0 } });
}
