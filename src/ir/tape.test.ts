import { describe, expect, it } from 'vitest';
import { createModel } from './model.ts';
import { encodeModel } from './onnx/encode.ts';
import { float } from './attribute.ts';
import { Tape } from './tape.ts';

function build(): Uint8Array {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['n', 4]);
  const tape = new Tape(model);
  model.graph.addOutput(tape.op('Add', [x, tape.scalar(1)], { outputName: 'y' }));
  return encodeModel(model);
}

describe('Tape', () => {
  it('gives each recorded value its type and shape at once', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', ['batch*seq', 32]);
    const w = model.graph.addInput('w', 'float32', [64, 32]);
    const y = new Tape(model).op('Gemm', [x, w], { attributes: { transB: 1, alpha: float(2) } });
    expect([y.dtype, y.shape]).toEqual(['float32', ['batch*seq', 64]]);
  });

  it('prefixes names with the scope and keeps them unique', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', [2]);
    const tape = new Tape(model, { scope: 'layer', metadata: { module: 'm' } }).scoped('mlp', { part: 'p' });
    const names = [tape.op('Neg', [x]), tape.op('Neg', [x])].map((value) => value.name);
    expect(names).toEqual(['layer/mlp/Neg', 'layer/mlp/Neg_1']);
    expect([...(model.graph.nodes[0]?.metadata ?? [])]).toEqual([
      ['module', 'm'],
      ['part', 'p'],
    ]);
  });

  it('makes one initializer of equal constants', () => {
    const tape = new Tape(createModel());
    expect(tape.int64s([1, 2])).toBe(tape.int64s([1, 2]));
    expect(tape.int64(1)).not.toBe(tape.int64s([1]));
    expect(tape.scalar(0)).not.toBe(tape.scalar(0, 'float64'));
  });

  it('records before or after a node, in order of recording', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', [2]);
    const tape = new Tape(model);
    const middle = tape.op('Neg', [x], { name: 'middle' }).producer;
    if (middle === undefined) throw new Error('no producer');
    for (const place of [{ insertBefore: middle }, { insertAfter: middle }]) {
      const inserted = new Tape(model, place);
      inserted.op('Abs', [x], { name: `${Object.keys(place)[0]}-1` });
      inserted.op('Abs', [x], { name: `${Object.keys(place)[0]}-2` });
    }
    const names = model.graph.nodes.map(({ name }) => name);
    expect(names).toEqual(['insertBefore-1', 'insertBefore-2', 'middle', 'insertAfter-1', 'insertAfter-2']);
  });

  it('writes a model of the same calls as the same bytes', () => {
    expect(build()).toEqual(build());
    expect(build().length).toBeGreaterThan(40);
  });
});
