import { describe, expect, it } from 'vitest';
import { createModel, encodeModel, decodeModel, Tape, type Model } from '../ir/index.ts';
import { OutputShapes } from './output-shapes.ts';
import { mlpModel, nonZeroModel, randomTensor, tokenModel } from './testing/test-models.ts';

function shapesOf(model: Model): OutputShapes & { builds: number } {
  const bytes = encodeModel(model);
  let builds = 0;
  const shapes = new OutputShapes(() => {
    builds++;
    return decodeModel(bytes, { what: 'test' });
  });
  return Object.defineProperty(shapes as OutputShapes & { builds: number }, 'builds', { get: () => builds });
}

const of = (shapes: OutputShapes, inputs: Record<string, number[]>): Record<string, unknown> =>
  Object.fromEntries(shapes.of(new Map(Object.entries(inputs))));

/** An image of any size through a convolution with a stride: sizes that no sum of symbols says. */
function convolution(): Model {
  const model = createModel({ graphName: 'conv' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 1, undefined, undefined]);
  const weight = tape.constant(randomTensor([2, 1, 3, 3], 'w'), 'w');
  model.graph.addOutput(tape.op('Conv', [x, weight], { attributes: { strides: [2, 2] }, outputName: 'y' }));
  return model;
}

describe('OutputShapes', () => {
  it('says shapes by the symbols of the inputs, inferring the graph once', () => {
    const shapes = shapesOf(tokenModel());
    expect([...shapes.symbolic]).toEqual([
      ['vectors', ['batch', 'seq', 4]],
      ['sums', ['batch']],
    ]);
    expect(of(shapes, { ids: [3, 5] })).toEqual({ vectors: [3, 5, 4], sums: [3] });
    expect(of(shapes, { ids: [1, 9] })).toEqual({ vectors: [1, 9, 4], sums: [1] });
    expect(shapes.builds).toBe(1);
  });

  it('infers once more with the very sizes where symbols do not say all, and keeps what it found', () => {
    const shapes = shapesOf(convolution());
    expect(of(shapes, { x: [4, 1, 9, 12] })).toEqual({ y: [4, 2, 4, 5] });
    expect(of(shapes, { x: [4, 1, 9, 12] })).toEqual({ y: [4, 2, 4, 5] });
    expect(shapes.builds).toBe(2);
  });

  it('foretells nothing where only the values say it', () => {
    expect(of(shapesOf(nonZeroModel()), { x: [2, 3] })).toEqual({ places: undefined });
  });

  it('believes the operators where the file declares another shape', () => {
    const model = mlpModel({ in: 2, hidden: 3, out: 4 });
    const [y] = model.graph.outputs;
    if (y) y.shape = ['batch', 7];
    expect(of(shapesOf(model), { x: [5, 2] })).toEqual({ y: [5, 4] });
  });

  it('does not evaluate symbols that contradict each other', () => {
    const model = createModel();
    const tape = new Tape(model);
    const [a, b] = ['a', 'b'].map((name) => model.graph.addInput(name, 'float32', ['n']));
    if (a && b) model.graph.addOutput(tape.op('Concat', [a, b], { attributes: { axis: 0 }, outputName: 'y' }));
    const shapes = shapesOf(model);
    expect(of(shapes, { a: [2], b: [2] })).toEqual({ y: [4] });
    expect(of(shapes, { a: [2], b: [3] })).toEqual({ y: [5] });
  });

  it('foretells nothing any more once it was wrong', () => {
    const shapes = shapesOf(tokenModel());
    shapes.distrust();
    expect(of(shapes, { ids: [3, 5] })).toEqual({ vectors: undefined, sums: undefined });
  });
});
