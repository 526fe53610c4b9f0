import { expect, it } from 'vitest';
import { createModel, stopGradientKey, Tape } from '../ir/index.ts';
import { differentiate, gradientKey } from './differentiate.ts';

it('takes what is marked for a constant, and differentiates what lies beside it', () => {
  const model = createModel();
  const tape = new Tape(model);
  const [x, w] = ['x', 'w'].map((name) => model.graph.addInput(name, 'float32', [3]));
  const norm = tape.op('Sqrt', [tape.op('Mul', [x, x])], { metadata: { [stopGradientKey]: 'as a constant' } });
  const product = tape.op('Mul', [tape.op('Mul', [x, w]), norm]);
  const loss = tape.op('ReduceSum', [product], { attributes: { keepdims: 0 } });
  differentiate(model, { loss, parameters: [x, w].flatMap((value) => value ?? []) });
  const backward = model.graph.nodes.filter(({ metadata }) => metadata.has(gradientKey));
  // d/dx (x·w·c) = w·c: one product for it, one for w, one for the sum's own; none through the square root.
  expect(backward.flatMap(({ inputs }) => inputs)).toContain(norm);
  expect(backward.map(({ metadata }) => metadata.get(gradientKey))).not.toContain('Sqrt');
});

it('says so where a parameter reaches the loss through such a node only', () => {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [3]);
  const norm = tape.op('Sqrt', [x], { metadata: { [stopGradientKey]: 'as a constant' } });
  const loss = tape.op('ReduceSum', [norm], { attributes: { keepdims: 0 } });
  expect(() => differentiate(model, { loss, parameters: [x] })).toThrow('no differentiable path connects them');
});
