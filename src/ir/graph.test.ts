import { describe, expect, it } from 'vitest';
import { tensorOf } from '../tensor/index.ts';
import { createModel, type Model } from './model.ts';
import { encodeModel } from './onnx/encode.ts';
import { Graph, type Value } from './graph.ts';
import { inlineConstant } from './constant.ts';
import { Tape } from './tape.ts';
import { verifyModel } from './verify.ts';

/** y = Neg(Abs(x)) */
function chain(): { model: Model; x: Value; a: Value; y: Value; tape: Tape } {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['n']);
  const tape = new Tape(model);
  const a = tape.op('Abs', [x], { outputName: 'a' });
  const y = model.graph.addOutput(tape.op('Neg', [a], { outputName: 'y' }));
  return { model, x, a, y, tape };
}

describe('Graph', () => {
  it('keeps the uses of a value while inputs change', () => {
    const { x, a, y } = chain();
    y.producer?.setInput(0, x);
    expect([...a.uses]).toEqual([]);
    expect([...x.uses].map(({ node }) => node.opType).sort()).toEqual(['Abs', 'Neg']);
  });

  it('refuses to remove what is read, and changes nothing', () => {
    const { model, x, a } = chain();
    const before = encodeModel(model);
    const [abs, neg] = model.graph.nodes;
    if (!abs || !neg) throw new Error('two nodes expected');
    expect(() => model.graph.removeNode(abs)).toThrow(/Node Abs cannot be removed: node Neg still uses it/);
    expect(() => model.graph.removeNode(neg)).toThrow(/output y of graph main still uses it/);
    expect(() => model.graph.removeInput(x)).toThrow(/Value x cannot be removed: node Abs/);
    expect(a.uses.size).toBe(1);
    expect(encodeModel(model)).toEqual(before);
  });

  it('removes nodes that read each other in one go', () => {
    const { model, x } = chain();
    const [y] = model.graph.outputs;
    if (y) model.graph.removeOutput(y);
    model.graph.removeNodes(model.graph.nodes);
    expect(model.graph.nodes).toEqual([]);
    expect(x.uses.size).toBe(0);
    expect(model.graph.value('a')).toBeUndefined();
  });

  it('keeps the name of an output whose value is replaced, and gives everything back when it is undone', () => {
    const { model, y, tape } = chain();
    const before = encodeModel(model);
    const z = tape.op('Relu', [y], { outputName: 'z' });
    const relu = z.producer;
    if (!relu) throw new Error('no producer');
    model.graph.replaceAllUses(y, z, { except: [relu] });
    expect(model.graph.outputs).toEqual([z]);
    expect([z.name, y.name]).toEqual(['y', 'z']);
    verifyModel(model);
    model.graph.replaceAllUses(z, y);
    model.graph.removeNode(relu);
    expect(encodeModel(model)).toEqual(before);
  });

  it('exchanges the names of two initializers and keeps their order', () => {
    const { graph } = createModel();
    const [a, b] = ['a', 'b'].map((name) => graph.addInitializer(name, inlineConstant(tensorOf('int64', [], [1]))));
    if (!a || !b) throw new Error('two initializers expected');
    graph.addOutput(a);
    graph.replaceAllUses(a, b);
    expect([...graph.initializers]).toEqual([
      ['b', a],
      ['a', b],
    ]);
    expect(graph.outputs).toEqual([b]);
  });

  it('does not let an input take the place of an output', () => {
    const { model, x, y } = chain();
    expect(() => model.graph.replaceAllUses(y, x)).toThrow(/put an Identity between/);
  });

  it('writes the dimensions of an input in canonical form', () => {
    const { graph } = createModel();
    expect(graph.addInput('x', 'float32', ['seq*batch', 4, undefined]).shape).toEqual(['batch*seq', 4, undefined]);
  });

  it('refuses a name that is taken', () => {
    const { model } = chain();
    expect(() => model.graph.addInput('a')).toThrow(expect.objectContaining({ code: 'IR_NAME_TAKEN' }));
    expect(() => model.graph.addNode({ opType: 'Abs', inputs: [], outputs: [{ name: 'b' }, { name: 'b' }] })).toThrow(
      /named b/,
    );
    expect(model.graph.value('b')).toBeUndefined();
  });

  it('offers a name again after it is free', () => {
    const { model } = chain();
    const value = model.graph.addInput(model.graph.uniqueName('a'));
    expect(value.name).toBe('a_1');
    model.graph.removeInput(value);
    expect(model.graph.uniqueName('a')).toBe('a_1');
    expect(model.graph.uniqueName('a')).toBe('a_2');
  });

  it('counts uses inside a subgraph, until its node goes', () => {
    const { model, a } = chain();
    const branch = new Graph('then', model.graph);
    const inner = branch.addNode({ opType: 'Relu', inputs: [a], outputs: [{ name: 'inner' }] });
    for (const output of inner.outputs) if (output) branch.addOutput(output);
    const flag = model.graph.addInitializer('flag', inlineConstant(tensorOf('bool', [], [1])));
    const other = new Graph('else', model.graph);
    other.addOutput(a);
    const branches = { then_branch: branch, else_branch: other };
    const result = new Tape(model).op('If', [flag], { attributes: branches });
    verifyModel(model);
    expect(a.uses.size).toBe(2);
    expect(a.outputOf.size).toBe(1);
    if (result.producer) model.graph.removeNode(result.producer);
    expect(a.uses.size).toBe(1);
    expect(a.outputOf.size).toBe(0);
  });
});
