import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { encodeModel, moduleKey, runPasses, Tape, createModel, type Model } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { hasSignedProducts, narrowActivations } from './narrow-activations.ts';
import { multipliesSignedExactly } from './signed-exactness.ts';

const [tokens, width, out] = [5, 64, 48];

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const random = createRandom(3, 'signed');
const x = Float32Array.from({ length: tokens * width }, () => random.normal());
const levels = Int8Array.from({ length: width * out }, () => Math.round(254 * random.uniform() - 127));
const scales = Float32Array.from({ length: out }, () => 0.01 + random.uniform());

/** Two products that share the rounding of their input, as the layers of a block do. */
function products({
  step = 1 / 127,
  splits = false,
}: { readonly step?: number; readonly splits?: boolean } = {}): Model {
  const model = createModel();
  const input = model.graph.addInput('x', 'float32', ['tokens', width]);
  const tape = new Tape(model, { metadata: { [moduleKey]: 'layer' } });
  const largest = tape.op('ReduceMax', [tape.op('Abs', [input]), tape.int64s([-1])], { attributes: { keepdims: 1 } });
  const [one, middle] = [tape.scalar(step), tape.constant(tensorOf('uint8', [], [128]))];
  const whole = tape.op('QuantizeLinear', [tape.op('Div', [input, largest]), one, middle]);
  const parts = splits ? tape.ops('Split', [whole, tape.int64s([tokens, 0])], { outputs: 2 }) : [];
  const [rounded = whole] = parts;
  const weight = tape.constant(tensorOf('int8', [width, out], levels));
  const scale = tape.constant(tensorOf('float32', [out], scales));
  for (const outputName of ['a', 'b']) {
    const inputs = [rounded, weight, one, scale, middle];
    const product = tape.op('MatMulIntegerToFloat', inputs, { domain: 'com.microsoft' });
    model.graph.addOutput(tape.op('Mul', [product, largest], { outputName }));
  }
  return model;
}

describe('products of signed weights', () => {
  it('fit into 16 bits two by two, if their inputs are narrow', async () => {
    await expect(multipliesSignedExactly(environment, { largest: 127 })).resolves.toBe(true);
  });

  it.each([
    ['', false],
    [', split as the rows of experts are', true],
  ])('give nearly the same with narrow inputs%s', async (_, splits) => {
    const model = products({ splits });
    expect(hasSignedProducts(model)).toBe(true);
    runPasses(model, [narrowActivations]);
    expect(hasSignedProducts(model)).toBe(false);
    using session = await environment.createSession(encodeModel(model));
    const { a, b } = await runOnce(session, { x: tensorOf('float32', [tokens, width], x) });
    const exact = Array.from({ length: tokens * out }, (_, i) => {
      const [token, column] = [Math.floor(i / out), i % out];
      let sum = 0;
      for (let k = 0; k < width; k++) sum += (x[token * width + k] ?? 0) * (levels[k * out + column] ?? 0);
      return sum * (scales[column] ?? 0);
    });
    const largest = Math.max(...exact.map(Math.abs));
    for (const result of [a, b]) {
      const values = result ? toFloat32(result) : [];
      expect(Math.max(...exact.map((value, i) => Math.abs(value - (values[i] ?? NaN)))) / largest).toBeLessThan(0.03);
    }
  });

  it('stay as they are with a step of another tool', () => {
    const model = products({ step: 0.02 });
    expect(hasSignedProducts(model)).toBe(false);
    expect(runPasses(model, [narrowActivations]).changes).toEqual([]);
  });
});
