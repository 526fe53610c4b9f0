import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  createModel,
  encodeModel,
  float,
  Graph,
  int,
  ints,
  Tape,
  verifyModel,
  type Model,
  type ModelFunction,
} from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { copyGeneric } from './generic-graph.ts';
import { GraphCopy } from './graph-copy.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

async function run(model: Model, x: readonly number[]): Promise<number[]> {
  using session = await environment.createSession(encodeModel(model));
  const { y } = await runOnce(session, { x: tensorOf('float32', [2, 3], x) });
  return y ? [...toFloat32(y)] : [];
}

const x = [1, -2, 3, -4, 5, -6];

/** y = leaky(leaky(x)): calls of a function whose slope is an attribute of the call, or 0.5. */
function withFunction(): Model {
  const model = createModel({ opset: 18 });
  const body = new Graph('leaky');
  const input = body.addInput('in');
  const alpha = { kind: 'reference', value: { name: 'slope', type: 1 } } as const;
  const inner = body.addNode({
    opType: 'LeakyRelu',
    name: 'act',
    inputs: [input],
    attributes: [['alpha', alpha]],
    outputs: [{ name: 'out' }],
  });
  for (const output of inner.outputs) if (output) body.addOutput(output);
  const fn: ModelFunction = {
    name: 'leaky',
    domain: 'made.here',
    overload: '',
    graph: body,
    attributes: [],
    defaults: new Map([['slope', float(0.5)]]),
    opsets: new Map([['', 18]]),
    docString: '',
    metadata: new Map(),
    unknown: [],
  };
  model.functions.push(fn);
  model.opsets.set('made.here', 1);
  const tape = new Tape(model);
  const values = model.graph.addInput('x', 'float32', ['batch', 3]);
  const once = tape.op('leaky', [values], { domain: 'made.here', attributes: { slope: float(0.25) } });
  model.graph.addOutput(tape.op('leaky', [once], { domain: 'made.here', outputName: 'y' }));
  return model;
}

describe('a copy of a graph', () => {
  it('writes functions out, with the attributes of each call', async () => {
    const source = withFunction();
    const { model } = copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy' });
    verifyModel(model);
    expect(model.functions).toEqual([]);
    expect(model.graph.nodes.map((node) => node.floatAttribute('alpha'))).toEqual([0.25, 0.5]);
    expect(await run(model, x)).toEqual(await run(source, x));
  });

  it.each([true, false])('chooses the branch of a condition that is known: %s', async (isKnown) => {
    const source = createModel({ opset: 17 });
    const tape = new Tape(source);
    const values = source.graph.addInput('x', 'float32', ['batch', 3]);
    const condition = source.graph.addInput('flag', 'bool', []);
    const branch = (opType: string): Graph => {
      const body = new Graph(opType, source.graph);
      const { outputs } = body.addNode({ opType, inputs: [values], outputs: [{ name: `${opType}.out` }] });
      for (const output of outputs) if (output) body.addOutput(output);
      return body;
    };
    const branches = { then_branch: branch('Neg'), else_branch: branch('Abs') };
    source.graph.addOutput(tape.op('If', [condition], { attributes: branches, outputName: 'y' }));
    const copy = new GraphCopy({ model: source, path: 'model.onnx' }, 'copy');
    copy.bind(
      condition,
      isKnown ? copy.tape.constant(tensorOf('bool', [], [1])) : copy.graph.addInput('flag', 'bool', []),
    );
    copy.run();
    const [output] = source.graph.outputs;
    const y = output && copy.value(output);
    if (y) copy.graph.rename(y, 'y');
    if (y) copy.graph.addOutput(y);
    verifyModel(copy.model);
    expect(copy.graph.nodes.map(({ opType }) => opType)).toEqual([isKnown ? 'Neg' : 'If']);
    using session = await environment.createSession(encodeModel(copy.model));
    const flag = isKnown ? {} : { flag: tensorOf('bool', [], [1]) };
    const result = await runOnce(session, { x: tensorOf('float32', [2, 3], x), ...flag });
    expect(result['y'] && [...toFloat32(result['y'])]).toEqual(x.map((value) => -value));
  });

  it('brings nodes of operator set 11 up to date', async () => {
    const source = createModel({ opset: 11, irVersion: 6 });
    const tape = new Tape(source);
    const values = source.graph.addInput('x', 'float32', ['batch', 3]);
    const wide = tape.op('Unsqueeze', [values], { attributes: { axes: [1] } });
    const [left, right] = tape.ops('Split', [wide], { outputs: 2, attributes: { axis: 2, split: [1, 2] } });
    const joined = tape.op('Concat', [right, left], { attributes: { axis: 2 } });
    const likely = tape.op('Softmax', [joined], { attributes: { axis: 2 } });
    const sum = tape.op('ReduceSum', [likely], { attributes: { axes: [0], keepdims: 0 } });
    source.graph.addOutput(tape.op('Squeeze', [sum], { attributes: { axes: [0] }, outputName: 'y' }));
    const { model } = copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy' });
    verifyModel(model);
    expect(model.opsets.get('')).toBe(18);
    expect(await run(model, x)).toEqual(await run(source, x));
  });

  it('computes in f32 what the file computes in half-width floats, where that is asked for', async () => {
    const source = createModel({ opset: 17 });
    const tape = new Tape(source);
    const values = source.graph.addInput('x', 'float32', ['batch', 3]);
    const [float16, float32] = [10, 1];
    const weight = tape.constant(tensorOf('float16', [3, 1], [0.1, 10, 0.001]), 'weight');
    const product = tape.op('MatMul', [tape.op('Cast', [values], { attributes: { to: float16 } }), weight]);
    const fill = { value: tensorOf('float16', [1], [0.5]) };
    const half = tape.op('ConstantOfShape', [tape.op('Shape', [product])], { attributes: fill });
    const sum = tape.op('Add', [product, half]);
    source.graph.addOutput(tape.op('Cast', [sum], { attributes: { to: float32 }, outputName: 'y' }));
    const { model } = copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy', widen: true });
    verifyModel(model);
    const computed = model.graph.nodes.flatMap(({ outputs }) => outputs.map((value) => value?.dtype));
    expect(new Set(computed)).toEqual(new Set(['float32', 'int64']));
    const [first = NaN, second = NaN] = await run(model, x);
    // 0.1 and 0.001 as half-width floats; the sums are not rounded to such.
    expect(first).toBeCloseTo(0.0999755859375 - 20 + 3 * 0.0010004043579 + 0.5, 5);
    expect(second).toBeCloseTo(-4 * 0.0999755859375 + 50 - 6 * 0.0010004043579 + 0.5, 5);
  });

  it('refuses what it cannot bring up to date, naming file and node, with what to do', () => {
    const source = createModel({ opset: 11 });
    const values = source.graph.addInput('x', 'float32', ['batch', 3, 4]);
    const one = new Tape(source).constant(tensorOf('float32', [3], [1, 1, 1]));
    const norm = { outputs: 3, name: 'norm' };
    const [output] = new Tape(source).ops('BatchNormalization', [values, one, one, one, one], norm);
    if (output) source.graph.addOutput(output);
    const copy = () => copyGeneric({ model: source, path: 'a/model.onnx' }, { graphName: 'copy' });
    expect(copy).toThrow(
      'a/model.onnx cannot be used: node norm (BatchNormalization of operator set 11) has the outputs of a training; export it again after model.eval(), or with operator set 18 or a newer one.',
    );
    source.opsets.set('', 8);
    expect(copy).toThrow('a/model.onnx cannot be used: it is written in operator set 8, and the oldest');
  });

  it.each([
    { scales: [1, 1, 2, 0.5], reason: 'enlarges one axis and makes another smaller' },
    { scales: undefined, reason: 'takes the nearest elements by a computed scale' },
  ])('refuses a Resize of version 10 that $reason', ({ scales, reason }) => {
    const source = createModel({ opset: 10 });
    const tape = new Tape(source);
    const values = source.graph.addInput('x', 'float32', [1, 1, 4, 4]);
    const by = scales ? tape.constant(tensorOf('float32', [4], scales)) : source.graph.addInput('by', 'float32', [4]);
    source.graph.addOutput(tape.op('Resize', [values, by], { name: 'bigger' }));
    const copy = () => copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy' });
    expect(copy).toThrow(`node bigger (Resize of operator set 10) ${reason}; export it again with constant scales`);
  });

  it('upgrades a function from its own operator set', async () => {
    const source = withFunction();
    const [fn] = source.functions;
    const [act] = fn?.graph.nodes ?? [];
    if (!fn || !act) throw new Error('the model has a function');
    const sum = { opType: 'ReduceSum', inputs: act.outputs, outputs: [{ name: 'sum' }] };
    const attributes = [['axes', ints([0])] as const, ['keepdims', int(1)] as const];
    const [summed] = fn.graph.addNode({ ...sum, attributes }).outputs;
    const [before] = fn.graph.outputs;
    if (before) fn.graph.removeOutput(before);
    if (summed) fn.graph.addOutput(summed);
    source.functions.splice(0, 1, { ...fn, opsets: new Map([['', 12]]) });
    const { model } = copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy' });
    verifyModel(model);
    expect(model.graph.nodes.every(({ attributes: own }) => !own.has('axes'))).toBe(true);
    // Leaky with 0.25, a sum over the rows, leaky with 0.5, and the sum of the one row.
    const columns = [0, 1, 2].map((i) => [x[i] ?? 0, x[i + 3] ?? 0].map((v) => (v < 0 ? v / 4 : v)));
    expect(await run(model, x)).toEqual(columns.map(([a = 0, b = 0]) => (a + b < 0 ? (a + b) / 2 : a + b)));
  });

  it('gives an input that is an output a node of its own', async () => {
    const source = createModel({ opset: 17 });
    const values = source.graph.addInput('x', 'float32', ['batch', 3]);
    source.graph.addOutput(new Tape(source).op('Identity', [values], { outputName: 'y' }));
    const { model } = copyGeneric({ model: source, path: 'model.onnx' }, { graphName: 'copy' });
    expect(await run(model, x)).toEqual(x);
  });
});
