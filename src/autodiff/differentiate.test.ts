import { describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { createModel, Graph, Tape, type Dim, type Model, type Node, type Value } from '../ir/index.ts';
import { tensorOf } from '../tensor/index.ts';
import { differentiate, gradientKey } from './differentiate.ts';
import { GradientRegistry } from './gradient-registry.ts';
import { gradientRule, nonDifferentiable } from './gradient-rule.ts';
import { standardRules } from './rules/index.ts';

interface Fixture {
  readonly model: Model;
  readonly tape: Tape;
  input(name: string, shape: readonly Dim[]): Value;
  /** Σ x */
  lossOf(x: Value): Value;
  /** The operators of the nodes that differentiation added. */
  added(): string[];
}

function fixture(): Fixture {
  const model = createModel();
  const tape = new Tape(model);
  return {
    model,
    tape,
    input: (name, shape) => model.graph.addInput(name, 'float32', shape),
    lossOf: (x) => tape.op('ReduceSum', [x], { attributes: { keepdims: 0 }, name: 'loss' }),
    added: () => backwardNodes(model).map((node) => node.opType),
  };
}

function backwardNodes(model: Model): Node[] {
  return model.graph.nodes.filter((node) => node.metadata.has(gradientKey));
}

function failure(action: () => unknown): EspalierError {
  try {
    action();
  } catch (error) {
    if (EspalierError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('differentiate', () => {
  it('builds no gradient of a frozen weight', () => {
    const { tape, input, lossOf, model, added } = fixture();
    const [x, w] = [input('x', [2, 3]), input('w', [3, 4])];
    const loss = lossOf(tape.op('MatMul', [x, w]));
    expect([...differentiate(model, { loss, parameters: [x] }).keys()]).toEqual([x]);
    expect(added()).toEqual(['Expand', 'Gemm']);
  });

  it('leaves everything below the lowest parameter alone', () => {
    const { tape, input, lossOf, model } = fixture();
    const below = tape.op('Exp', [input('x', [3])], { name: 'below' });
    const w = input('w', [3]);
    const loss = lossOf(tape.op('Mul', [below, w], { name: 'product' }));
    differentiate(model, { loss, parameters: [w] });
    const forward = new Set(backwardNodes(model).map((node) => node.metadata.get(gradientKey)));
    expect([...forward].sort()).toEqual(['loss', 'product']);
  });

  it('differentiates by a value inside the graph without going below it', () => {
    const { tape, input, lossOf, model } = fixture();
    const hidden = tape.op('Exp', [input('x', [3])], { name: 'below' });
    const loss = lossOf(tape.op('Neg', [hidden]));
    const gradient = differentiate(model, { loss, parameters: [hidden] }).get(hidden);
    expect(gradient?.shape).toEqual([3]);
    expect(backwardNodes(model).map((node) => node.metadata.get(gradientKey))).not.toContain('below');
  });

  it('sums the contributions of every reader, and of one that reads twice', () => {
    const { tape, input, lossOf, model, added } = fixture();
    const x = input('x', [3]);
    const y = tape.op('Mul', [x, x]);
    const loss = lossOf(tape.op('Add', [y, tape.op('Neg', [x])]));
    differentiate(model, { loss, parameters: [x] });
    expect(added().filter((opType) => opType === 'Sum')).toHaveLength(1);
    expect(backwardNodes(model).find((node) => node.opType === 'Sum')?.inputs).toHaveLength(3);
  });

  it('names on each backward node the forward node that it belongs to', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const loss = lossOf(tape.op('Exp', [x], { name: 'exp' }));
    const count = model.graph.nodes.length;
    differentiate(model, { loss, parameters: [x] });
    const names = model.graph.nodes.slice(count).map((node) => node.metadata.get(gradientKey));
    expect(names).toEqual(['loss', 'exp']);
  });

  it('gives gradients with the dtype and shape of the parameters', () => {
    const { tape, input, lossOf, model } = fixture();
    const [w, b] = [input('w', [4, 3]), input('b', [4])];
    const x = input('x', ['n', 3]);
    const y = tape.op('Gemm', [x, w, b], { attributes: { transB: 1 } });
    const gradients = differentiate(model, { loss: lossOf(y), parameters: [w, b] });
    expect([...gradients.values()].map(({ dtype, shape }) => [dtype, shape])).toEqual([
      ['float32', [4, 3]],
      ['float32', [4]],
    ]);
  });

  it('gives a parameter that is the loss itself the gradient 1', () => {
    const { input, model } = fixture();
    const x = input('x', []);
    const gradient = differentiate(model, { loss: x, parameters: [x] }).get(x);
    expect(gradient?.producer?.inputs[0]?.constant).toBeDefined();
  });

  it('gives each parameter a gradient of its own, that can be a graph output', () => {
    const { tape, input, lossOf, model } = fixture();
    const [a, b] = [input('a', [3]), input('b', [3])];
    const gradients = differentiate(model, { loss: lossOf(tape.op('Add', [a, b])), parameters: [a, b] });
    for (const gradient of gradients.values()) model.graph.addOutput(gradient);
    expect(model.graph.outputs).toHaveLength(2);
  });

  it('asks a norm for the statistics that its gradient reads', () => {
    const { tape, input, lossOf, model } = fixture();
    const [x, g] = [input('x', ['n', 4]), input('g', [4])];
    const y = tape.op('SimplifiedLayerNormalization', [x, g], { attributes: { axis: -1 } });
    differentiate(model, { loss: lossOf(y), parameters: [x] });
    expect(y.producer?.outputs[1]).toMatchObject({ dtype: 'float32', shape: ['n', 1] });
  });

  it('multiplies by a frozen [out, in] weight as it lies, without a transpose', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', ['n', 3]);
    const w = tape.constant(tensorOf('float32', [4, 3], new Float32Array(12)), 'w');
    const y = tape.op('Gemm', [x, w], { attributes: { transB: 1 }, name: 'linear' });
    differentiate(model, { loss: lossOf(y), parameters: [x] });
    const [product] = backwardNodes(model).filter((node) => node.metadata.get(gradientKey) === 'linear');
    expect([product?.opType, product?.inputs[1]]).toEqual(['MatMul', w]);
  });
});

describe('differentiate refuses', () => {
  it('a parameter that cannot reach the loss, by name', () => {
    const { tape, input, lossOf, model } = fixture();
    const [x, lost] = [input('x', [3]), input('lost', [3])];
    tape.op('Exp', [lost]);
    const loss = lossOf(tape.op('Exp', [x]));
    const { code, details } = failure(() => differentiate(model, { loss, parameters: [x, lost] }));
    expect([code, details['parameter']]).toEqual(['PARAMETER_UNREACHABLE', 'lost']);
  });

  it('a parameter whose only way leads through integers', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const shape = tape.op('Cast', [tape.op('Shape', [x])], { attributes: { to: 1 } });
    const { code } = failure(() => differentiate(model, { loss: lossOf(shape), parameters: [x] }));
    expect(code).toBe('PARAMETER_UNREACHABLE');
  });

  it('a parameter whose only way leads through an operator without a derivative', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const loss = lossOf(tape.op('Round', [x]));
    expect(failure(() => differentiate(model, { loss, parameters: [x] })).code).toBe('PARAMETER_UNREACHABLE');
  });

  it('a way that leads through rounding to integers, even beside another one', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const [scale, zero] = [tape.scalar(0.1), tape.constant(tensorOf('uint8', [], [128]))];
    const rounded = tape.op('QuantizeLinear', [x, scale, zero], { name: 'rounded' });
    const loss = lossOf(tape.op('Add', [x, tape.op('DequantizeLinear', [rounded, scale, zero])]));
    const error = failure(() => differentiate(model, { loss, parameters: [x] }));
    expect(error.code).toBe('GRADIENT_NOT_DEFINED');
    expect(error.message).toMatch(/QuantizeLinear \(it rounds to integers, .* at node rounded/);
  });

  it('an operator without a rule, naming it, its node and the way from the parameter', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const hidden = tape.op('Exp', [x], { name: 'first' });
    const odd = tape.op('Mystery', [hidden], { domain: 'test', name: 'second', dtype: 'float32', shape: [3] });
    const count = model.graph.nodes.length + 1;
    const { code, message, details } = failure(() => differentiate(model, { loss: lossOf(odd), parameters: [x] }));
    expect(code).toBe('GRADIENT_NOT_DEFINED');
    expect(message).toContain('test:Mystery');
    expect(details).toMatchObject({ node: 'second', parameter: 'x', path: 'x → first' });
    expect(model.graph.nodes).toHaveLength(count);
  });

  it('an input for which the rule has no gradient, and leaves no backward node behind', () => {
    const { tape, input, lossOf, model, added } = fixture();
    const [x, low] = [input('x', [3]), input('low', [])];
    const loss = lossOf(tape.op('Clip', [tape.op('Exp', [x]), low], { name: 'clip' }));
    const { code, message } = failure(() => differentiate(model, { loss, parameters: [low] }));
    expect([code, added()]).toEqual(['GRADIENT_NOT_DEFINED', []]);
    expect(message).toContain('input 1 of Clip');
  });

  it('a gradient that comes to an output which the rule does not know', () => {
    const { tape, input, lossOf, model } = fixture();
    const [x, g] = [input('x', [2, 4]), input('g', [4])];
    const [, statistic] = tape.ops('SimplifiedLayerNormalization', [x, g], { outputs: 2 });
    if (statistic === undefined) throw new Error('two outputs were asked for');
    const { code, message } = failure(() => differentiate(model, { loss: lossOf(statistic), parameters: [x] }));
    expect(code).toBe('GRADIENT_NOT_DEFINED');
    expect(message).toContain('output 1 of SimplifiedLayerNormalization');
  });

  it('a broadcast that shapes do not tell, naming the node and the dimensions', () => {
    const { tape, input, lossOf, model } = fixture();
    const [x, y] = [input('x', ['a', 3]), input('y', ['b', 3])];
    const loss = lossOf(tape.op('Add', [x, y], { name: 'sum', shape: ['c', 3] }));
    const { code, details } = failure(() => differentiate(model, { loss, parameters: [x] }));
    expect(code).toBe('AMBIGUOUS_BROADCAST');
    expect(details).toMatchObject({ node: 'sum', value: 'x', actual: '[c, 3]', expected: '[a, 3]' });
  });

  it('a loss that is not one float', () => {
    const { tape, input, model } = fixture();
    const x = input('x', [3]);
    const loss = tape.op('Exp', [x]);
    expect(failure(() => differentiate(model, { loss, parameters: [x] })).code).toBe('LOSS_NOT_SCALAR');
  });

  it('a rule that gives another type', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const wrong = gradientRule({
      opType: 'Neg',
      inputs: ['X'],
      outputs: ['Y'],
      backward: ({ tape: inner, gradients: { Y } }) => ({
        X: () => inner.op('Cast', [Y], { attributes: { to: 11 } }),
      }),
    });
    const registry = new GradientRegistry([...standardRules, wrong]);
    const loss = lossOf(tape.op('Neg', [x]));
    expect(failure(() => differentiate(model, { loss, parameters: [x], registry })).code).toBe('GRADIENT_MISMATCH');
  });

  it('a model of an old operator set', () => {
    const model = createModel({ opset: 13 });
    const x = model.graph.addInput('x', 'float32', []);
    expect(failure(() => differentiate(model, { loss: x, parameters: [x] })).code).toBe('GRADIENT_OPSET');
  });

  it('a loop on the way, even where a rule of that name is given', () => {
    const { tape, input, lossOf, model } = fixture();
    const [x, flag] = [input('x', [3]), model.graph.addInput('flag', 'bool', [])];
    const branch = (name: string): Model['graph'] => {
      const inner = new Graph(name, model.graph);
      const node = inner.addNode({ opType: 'Neg', inputs: [x], outputs: [{ name: `${name}.y` }] });
      for (const output of node.outputs) if (output) inner.addOutput(output);
      return inner;
    };
    const attributes = { then_branch: branch('yes'), else_branch: branch('no') };
    const chosen = tape.op('If', [flag], { attributes, name: 'choice', dtype: 'float32', shape: [3] });
    const { code, details } = failure(() => differentiate(model, { loss: lossOf(chosen), parameters: [x] }));
    expect([code, details['node']]).toEqual(['GRADIENT_NOT_DEFINED', 'choice']);
  });
});

describe('nonDifferentiable', () => {
  it('ends one way and leaves the others', () => {
    const { tape, input, lossOf, model } = fixture();
    const x = input('x', [3]);
    const noise = tape.op('Noise', [x], { domain: 'test', name: 'noise', dtype: 'float32', shape: [3] });
    const loss = lossOf(tape.op('Add', [x, noise]));
    const registry = new GradientRegistry([...standardRules, nonDifferentiable('Noise', 'drawn at random', 'test')]);
    differentiate(model, { loss, parameters: [x], registry });
    expect(backwardNodes(model).map((node) => node.metadata.get(gradientKey))).not.toContain('noise');
  });
});
