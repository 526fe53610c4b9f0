import { describe, expect, it } from 'vitest';
import { chunkLoss, lossChunkSizes } from '../../autodiff/index.ts';
import { createModel, inferShapes, inlineConstant, Tape, type Model, type Value } from '../../ir/index.ts';
import { zerosOf } from '../../tensor/index.ts';
import { Arena } from './arena.ts';
import { graphMemory } from './graph-memory.ts';

const dims = new Map([['tokens', 1000]]);
const kilobytes = (bytes: number): number => Math.round(bytes / 1000);

/** A graph over `x` f32 [tokens, 64] (256 kB for 1000 tokens). */
function graphOf(body: (tape: Tape, x: Value) => Value): Model {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['tokens', 64]);
  model.graph.addOutput(body(new Tape(model), x));
  inferShapes(model);
  return model;
}

function weight(tape: Tape, name: string, shape: readonly number[]): Value {
  return tape.model.graph.addInitializer(name, inlineConstant(zerosOf('float32', shape)));
}

const memoryOf = (body: (tape: Tape, x: Value) => Value) => graphMemory(graphOf(body), { dims, tokens: 10 });

describe('graphMemory', () => {
  it('frees a result after its last reader', () => {
    const chain = memoryOf((tape, x) => [1, 2, 3, 4, 5].reduce((y) => tape.op('Exp', [y]), x));
    expect(kilobytes(chain.activations)).toBe(512);
  });

  it('keeps what a later node reads', () => {
    const kept = memoryOf((tape, x) => {
      const all = [1, 2, 3, 4].reduce<Value[]>((list) => [...list, tape.op('Exp', [list.at(-1) ?? x])], []);
      return tape.op('Sum', all);
    });
    expect(kilobytes(kept.activations)).toBe(4 * 256);
  });

  it('counts no result twice that is only seen in another shape', () => {
    const seen = memoryOf((tape, x) => {
      const y = tape.op('Reshape', [tape.op('Exp', [x]), tape.int64s([-1])]);
      return tape.op('Neg', [tape.op('Exp', [y])]);
    });
    expect(kilobytes(seen.activations)).toBe(512);
  });

  it('counts bytes of a file once that are read in several types', () => {
    const read = (tape: Tape, x: Value, dtype: 'uint8' | 'int8', offset: number): Value => {
      const place = { location: 'weights', offset, length: 4096, dtype, shape: [64, 64] } as const;
      const bytes = tape.model.graph.addInitializer(`${dtype}.bytes`, { kind: 'external', ...place });
      return tape.op('Add', [x, tape.op('ReduceSum', [tape.op('DequantizeLinear', [bytes, tape.scalar(0.5)])])]);
    };
    const bytesOf = (offset: number): number =>
      memoryOf((tape, x) => read(tape, read(tape, x, 'uint8', 0), 'int8', offset)).weights;
    expect(bytesOf(4096) - bytesOf(0)).toBe(4096);
  });

  it('counts a weight once for each product that packs it', () => {
    const once = memoryOf((tape, x) => tape.op('MatMul', [x, weight(tape, 'w', [64, 64])]));
    const twice = memoryOf((tape, x) => {
      const w = weight(tape, 'w', [64, 64]);
      return tape.op('MatMul', [tape.op('MatMul', [x, w]), w]);
    });
    expect([once.weights, twice.weights]).toEqual([64 * 64 * 4, 2 * 64 * 64 * 4]);
  });

  it('counts what one step of a loss in chunks takes, and not all steps', () => {
    const memoryFor = (rows: number) => {
      const model = createModel();
      const x = model.graph.addInput('x', 'float32', ['targets', 64]);
      const ids = model.graph.addInput('ids', 'int64', ['targets']);
      const tape = new Tape(model);
      const scores = tape.op('MatMul', [tape.op('Exp', [x]), weight(tape, 'w', [64, 512])]);
      const loss = tape.op('SoftmaxCrossEntropyLoss', [scores, ids], { attributes: { reduction: 'sum' } });
      model.graph.addOutput(loss);
      if (rows > 0) chunkLoss(model, { rows, gradients: false });
      inferShapes(model);
      const sizes = new Map([['targets', 1000], ...(rows > 0 ? lossChunkSizes(rows, 1000) : [])]);
      return graphMemory(model, { dims: sizes, tokens: 10 });
    };
    const [whole, chunked] = [memoryFor(0), memoryFor(100)];
    expect(kilobytes(chunked.weights)).toBe(kilobytes(whole.weights));
    expect(whole.activations).toBeGreaterThan(2 * 2_048_000);
    expect(chunked.activations).toBeLessThan(1_300_000);
    expect(chunked.unknown).toEqual([]);
  });

  it('counts of a table only the rows that can be read', () => {
    const table = memoryOf((tape, x) => {
      const ids = tape.op('Cast', [x], { attributes: { to: 7 } });
      return tape.op('Gather', [weight(tape, 'table', [100_000, 64]), ids]);
    });
    expect(table.weights).toBeLessThan(10 * 2 * 4096 + 1);
  });

  it('says what it cannot know', () => {
    const model = graphOf((tape, x) => tape.op('NonZero', [x]));
    const noted = graphOf((tape, x) => tape.op('Cast', [tape.op('NonZero', [x])], { attributes: { to: 1 } }));
    expect(graphMemory(model, { dims, tokens: 1 }).unknown).toHaveLength(0);
    expect(graphMemory(noted, { dims, tokens: 1 }).unknown).toHaveLength(1);
  });
});

describe('Arena', () => {
  it('uses again what was given back', () => {
    const arena = new Arena();
    for (let i = 0; i < 10; i++) arena.give(arena.take(1000));
    expect(arena.touched).toBe(1024);
  });

  it('joins free neighbours', () => {
    const arena = new Arena();
    const pieces = [1, 2, 3, 4].map(() => arena.take(2 ** 18));
    for (const piece of pieces) arena.give(piece);
    arena.take(2 ** 20);
    expect(arena.touched).toBe(2 ** 20);
  });

  it('takes another region where no free piece is large enough', () => {
    const arena = new Arena();
    arena.take(2 ** 19);
    arena.take(2 ** 20);
    expect(arena.touched).toBe(2 ** 19 + 2 ** 20);
  });
});
