import { describe, expect, it } from 'vitest';
import { createModel } from './model.ts';
import { Graph } from './graph.ts';
import { printModel } from './print.ts';
import { sortNodes } from './sort.ts';
import { Tape } from './tape.ts';
import { verifyModel } from './verify.ts';

describe('verifyModel', () => {
  it('names a node whose domain has no operator set', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', []);
    model.graph.addOutput(new Tape(model).op('Odd', [x], { domain: 'my.domain', name: 'odd-one' }));
    expect(() => verifyModel(model)).toThrow(/at node odd-one: the model imports no operator set for domain my.domain/);
  });

  it('refuses an int where a float belongs', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', [2, 2]);
    model.graph.addOutput(new Tape(model).op('Gemm', [x, x], { attributes: { alpha: 1 } }));
    expect(() => verifyModel(model)).toThrow('Attribute alpha of Gemm (Gemm) should be float, got int.');
  });

  it('refuses a value of another graph', () => {
    const model = createModel();
    const stranger = new Graph('other').addInput('s', 'float32', []);
    model.graph.addOutput(new Tape(model).op('Neg', [stranger], { name: 'n' }));
    expect(() => verifyModel(model)).toThrow(/node n: its input s is not produced before it/);
  });

  it('refuses an order that is not topological, which sortNodes mends', () => {
    const model = createModel();
    const tape = new Tape(model);
    const a = tape.op('Abs', [model.graph.addInput('x', 'float32', [])]);
    model.graph.addOutput(tape.op('Neg', [a]));
    model.graph.reorder([...model.graph.nodes].reverse());
    expect(() => verifyModel(model)).toThrow(/not in topological order/);
    sortNodes(model.graph);
    verifyModel(model);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Abs', 'Neg']);
  });

  it('finds a cycle and leaves the order alone', () => {
    const model = createModel();
    const tape = new Tape(model);
    const a = tape.op('Abs', [undefined], { name: 'a' });
    const b = tape.op('Neg', [a], { name: 'b' });
    a.producer?.setInput(0, b);
    expect(() => sortNodes(model.graph)).toThrow(/it reads its own result/);
    expect(model.graph.nodes.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('refuses an inner value that hides an outer one', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', []);
    const body = new Graph('body', model.graph);
    body.addInput('x', 'float32', []);
    model.graph.addOutput(new Tape(model).op('Loop', [undefined, undefined, x], { attributes: { body } }));
    expect(() => verifyModel(model)).toThrow(/value x hides one of an outer graph/);
  });
});

describe('printModel', () => {
  it('writes one line for each node', () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', ['batch*seq', 16]);
    const w = model.graph.addInput('w', 'float32', [32, 16]);
    const metadata = { 'espalier.module': 'model.layers.0.self_attn.q_proj' };
    const tape = new Tape(model, { metadata });
    model.graph.addOutput(tape.op('Gemm', [x, w], { attributes: { transB: 1 }, outputName: 'y' }));
    expect(printModel(model)).toContain(
      '  %y: f32[batch*seq, 32] = Gemm(%x, %w) {transB=1} # model.layers.0.self_attn.q_proj\n',
    );
  });
});
