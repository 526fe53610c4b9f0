import { expect, it } from 'vitest';
import {
  createModel,
  decodeModel,
  encodeModel,
  float,
  Graph,
  graphAttribute,
  runPasses,
  Tape,
} from '../../ir/index.ts';
import { namedFallbacks, wrongOnWebGpu } from './webgpu-fallbacks.ts';

it('names attention with a soft cap, and no other', () => {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [1, 1, 16]);
  const attention = (attributes: Record<string, number | ReturnType<typeof float>>): string => {
    const options = { domain: 'com.microsoft', attributes: { num_heads: 2, kv_num_heads: 2, ...attributes } };
    return tape.op('GroupQueryAttention', [x, x, x], options).producer?.name ?? '';
  };
  attention({});
  attention({ softcap: float(0) });
  const capped = attention({ softcap: float(50) });
  expect(capped).not.toBe('');
  expect(wrongOnWebGpu(model)).toEqual([capped]);
});

it('names cosines, sines and powers with several exponents, which shaders compute coarsely, and not squares', () => {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [3, 1]);
  const exponents = model.graph.addInput('exponents', 'float32', [4]);
  tape.op('Pow', [x, tape.scalar(2)]);
  tape.op('Exp', [x]);
  const named = [tape.op('Cos', [x]), tape.op('Sin', [x]), tape.op('Pow', [x, exponents])];
  expect(wrongOnWebGpu(model)).toEqual(named.map(({ producer }) => producer?.name));
});

it('names convolutions over one axis, which come out wrong, and not those of images', () => {
  const model = createModel();
  const tape = new Tape(model);
  const convolve = (size: readonly number[]): string | undefined => {
    const [x, weight] = [`x${size.length}`, `w${size.length}`].map((name) =>
      model.graph.addInput(name, 'float32', size),
    );
    return x && weight && tape.op('Conv', [x, weight]).producer?.name;
  };
  convolve([2, 2, 3, 3]);
  const rows = convolve([2, 2, 3]);
  expect(wrongOnWebGpu(model)).toEqual([rows]);
});

it('names nodes without a usable name, also in the branches of If, so that each is kept off the device', () => {
  const model = createModel();
  const { graph } = model;
  const [x, weight] = [graph.addInput('x', 'float32', [1, 2, 8]), graph.addInput('w', 'float32', [2, 2, 3])];
  const convolve = (owner: Graph, name?: string): void => {
    const [y] = owner.addNode({
      opType: 'Conv',
      inputs: [x, weight],
      outputs: [{ name: owner.uniqueName('y') }],
      ...(name !== undefined && { name }),
    }).outputs;
    if (y) owner.addOutput(y);
  };
  const branches = ['then_branch', 'else_branch'].map((name) => [name, new Graph(name, graph)] as const);
  for (const [, branch] of branches) convolve(branch);
  convolve(graph);
  convolve(graph, 'two\nlines');
  convolve(graph, 'kept');
  graph.addNode({
    opType: 'If',
    inputs: [graph.addInput('which', 'bool', [])],
    attributes: branches.map(([name, branch]) => [name, graphAttribute(branch)] as const),
    outputs: [{ name: 'z' }],
  });
  expect(runPasses(model, [namedFallbacks]).modified).toBe(true);
  const names = wrongOnWebGpu(model);
  expect(names).toHaveLength(5);
  expect(new Set(names).size).toBe(5);
  expect(names).toContain('kept');
  for (const name of names) expect(name).toMatch(/^.+$/);
  expect(wrongOnWebGpu(decodeModel(encodeModel(model)))).toEqual(names);
  expect(runPasses(model, [namedFallbacks]).modified).toBe(false);
});
