import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import {
  createModel,
  decodeModel,
  encodeModel,
  float,
  runPasses,
  Tape,
  type Model,
  type Value,
} from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { webgpuPasses } from './webgpu-passes.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const random = createRandom(5, 'webgpu');
const x = tensorOf(
  'float32',
  [2, 3, 4],
  Float32Array.from({ length: 24 }, () => 3 * random.normal()),
);

/** A graph whose outputs are what `build` gives. */
function modelOf(build: (tape: Tape, input: Value) => readonly Value[]): Model {
  const model = createModel();
  const input = model.graph.addInput('x', 'float32', ['a', 3, 4]);
  for (const [i, value] of build(new Tape(model), input).entries()) {
    model.graph.rename(value, `y${i}`);
    model.graph.addOutput(value);
  }
  return model;
}

const norm = (tape: Tape, input: Value) => {
  const scale = tape.constant(tensorOf('float32', [4], [1, 2, 3, 4]));
  const options = { attributes: { axis: -1, epsilon: float(1e-3) }, outputs: 2 };
  const all = tape.ops('SimplifiedLayerNormalization', [input, scale], options);
  // Read within the graph, and given as an output.
  return [tape.op('Mul', [input, all.at(-1)]), ...all];
};

const product = (attributes: Readonly<Record<string, number>>) => (tape: Tape, input: Value) => {
  const options = { domain: 'com.microsoft', attributes: { ...attributes, alpha: float(0.5) } };
  return [tape.op('FusedMatMul', [input, input], options)];
};

describe('the passes for WebGPU', () => {
  it.each([
    ['SimplifiedLayerNormalization', norm],
    ['FusedMatMul, the first transposed', product({ transA: 1 })],
    ['FusedMatMul, the second transposed', product({ transB: 1 })],
    ['LogSoftmax', (tape: Tape, input: Value) => [tape.op('LogSoftmax', [input], { attributes: { axis: -1 } })]],
  ])('leave what %s gives', async (_, build) => {
    const model = modelOf(build);
    const bytes = encodeModel(model);
    const changed = decodeModel(bytes);
    expect(runPasses(changed, webgpuPasses).modified).toBe(true);
    using before = await environment.createSession(bytes);
    using after = await environment.createSession(encodeModel(changed));
    const [expected, found] = [await runOnce(before, { x }), await runOnce(after, { x })];
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, tensor] of Object.entries(expected)) {
      const values = toFloat32(found[name] ?? tensorOf('float32', [0], []));
      expect(found[name]?.shape).toEqual(tensor.shape);
      toFloat32(tensor).forEach((value, i) => expect(values[i]).toBeCloseTo(value, 5));
    }
  });

  it('leave no deviation of a normalization that is read', () => {
    const model = modelOf(norm);
    runPasses(model, webgpuPasses);
    const [node] = model.graph.nodes.filter(({ opType }) => opType === 'SimplifiedLayerNormalization');
    expect(node?.outputs[1]?.uses.size).toBe(0);
    expect(model.graph.outputs).not.toContain(node?.outputs[1]);
  });

  it('change nothing else', () => {
    const build = (tape: Tape, input: Value): Value[] => [
      tape.op('Softmax', [input]),
      tape.op('Pow', [input, tape.scalar(2)]),
      tape.op('Pow', [input, input]),
    ];
    const model = modelOf(build);
    expect(runPasses(model, webgpuPasses).modified).toBe(false);
  });
});
