import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import { createModel, encodeModel, exactDequantization, Tape, type Model, type Value } from '../ir/index.ts';
import { openEnvironment, runOnce, type Environment, type SessionOptions } from '../onnxruntime/index.ts';
import { tensorOf, typedArray, type DataType } from '../tensor/index.ts';
import { differentiate } from './differentiate.ts';

const [tokens, width] = [5, 64];

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

type Form = 'tensor' | 'channel' | 'block';

interface Dequantized {
  readonly dtype: DataType;
  readonly form: Form;
}

/** A weight of integers, [width, width], as floats. */
function dequantized(tape: Tape, name: string, { dtype, form }: Dequantized): Value {
  const random = createRandom(3, name);
  const length = (width * width) / (dtype.endsWith('4') ? 2 : 1);
  const bytes = Uint8Array.from({ length }, () => Math.floor(random.uniform() * 256));
  const weight = tape.constant({ dtype, shape: [width, width], bytes }, name);
  const shape = { tensor: [], channel: [width], block: [width / 32, width] }[form];
  const count = shape.reduce((product, dim) => product * dim, 1);
  const scales = Array.from({ length: count }, () => 0.001 + 0.001 * random.uniform());
  const scale = tape.constant(tensorOf('float32', shape, scales), `${name}.scale`);
  const attributes = { tensor: {}, channel: { axis: 1 }, block: { axis: 0, block_size: 32 } }[form];
  return tape.op('DequantizeLinear', [weight, scale], { attributes });
}

interface Built {
  readonly model: Model;
  readonly loss: Value;
  readonly parameter: Value;
}

/** x through a frozen weight, then through one that is trained: the gradient never passes the frozen one. */
function frozenFirst(read: (tape: Tape, x: Value) => Value): Built {
  const model = createModel();
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['tokens', width]);
  const parameter = model.graph.addInput('w', 'float32', [width, width]);
  const y = tape.op('MatMul', [read(tape, x), parameter]);
  const loss = tape.op('ReduceSum', [tape.op('Mul', [y, y])], { attributes: { keepdims: 0 } });
  model.graph.addOutput(loss);
  return { model, loss, parameter };
}

function numbers(name: string, count: number): number[] {
  const random = createRandom(5, name);
  return Array.from({ length: count }, () => random.normal());
}

const feeds = {
  x: tensorOf('float32', [tokens, width], numbers('x', tokens * width)),
  w: tensorOf('float32', [width, width], numbers('w', width * width)),
};

async function run(model: Model, options: SessionOptions = {}): Promise<Float32Array[]> {
  using session = await environment.createSession(encodeModel(model), options);
  const results = await runOnce(session, feeds);
  return model.graph.outputs.flatMap(({ name }) => {
    const tensor = results[name];
    return tensor ? [Float32Array.from(Array.from(typedArray(tensor), Number))] : [];
  });
}

/** The largest difference, relative to the largest number. */
function difference(actual: readonly Float32Array[], expected: readonly Float32Array[]): number {
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  const errors = expected.map((list, index) => {
    const largest = list.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return list.reduce((max, value, i) => Math.max(max, Math.abs(value - (actual[index]?.[i] ?? NaN)) / largest), 0);
  });
  return Math.max(...errors);
}

/** Outputs: the loss and its gradient. */
function differentiated({ model, loss, parameter }: Built): Model {
  const gradient = differentiate(model, { loss, parameters: [parameter] }).get(parameter);
  if (gradient) model.graph.addOutput(gradient);
  return model;
}

/** How far loss and gradient are, as ONNX Runtime runs them by default, from what the graph says without any rewriting. */
async function errorOf(build: () => Built): Promise<number> {
  const [loss] = await run(build().model, { optimization: 'none' });
  const [, gradient] = await run(differentiated(build()), { optimization: 'none' });
  return difference(
    await run(differentiated(build())),
    [loss, gradient].flatMap((list) => list ?? []),
  );
}

const types: readonly DataType[] = ['int4', 'uint4', 'int8', 'uint8'];
const forms: readonly Form[] = ['tensor', 'channel', 'block'];
const weights = types.flatMap((dtype) => forms.map((form) => ({ dtype, form })));

describe('a frozen weight behind DequantizeLinear', () => {
  it.each(weights)('is what it says in the loss and the gradient: $dtype by $form', async (weight) => {
    const build = (): Built => frozenFirst((tape, x) => tape.op('MatMul', [x, dequantized(tape, 'frozen', weight)]));
    expect(await errorOf(build)).toBeLessThan(1e-5);
  });

  it.each<[string, (tape: Tape, x: Value) => Value]>([
    ['Gemm', (tape, x) => tape.op('Gemm', [x, dequantized(tape, 'frozen', { dtype: 'int8', form: 'channel' })])],
    [
      'a weight that is turned over first',
      (tape, x) => {
        const weight = dequantized(tape, 'frozen', { dtype: 'int4', form: 'tensor' });
        return tape.op('MatMul', [x, tape.op('Transpose', [weight], { attributes: { perm: [1, 0] } })]);
      },
    ],
    [
      'a weight that two products read',
      (tape, x) => {
        const weight = dequantized(tape, 'frozen', { dtype: 'int8', form: 'block' });
        return tape.op('MatMul', [tape.op('MatMul', [x, weight]), weight]);
      },
    ],
    [
      'a weight that stands before what it is multiplied with is computed',
      (tape, x) => {
        const weight = dequantized(tape, 'frozen', { dtype: 'uint8', form: 'tensor' });
        return tape.op('MatMul', [tape.op('Tanh', [tape.op('Neg', [x])]), weight]);
      },
    ],
  ])('is what it says: %s', async (_what, read) => {
    expect(await errorOf(() => frozenFirst(read))).toBeLessThan(1e-5);
  });

  it('is rounded away by ONNX Runtime where nothing is done about it', async () => {
    const build = (): Model =>
      frozenFirst((tape, x) => tape.op('MatMul', [x, dequantized(tape, 'frozen', { dtype: 'int8', form: 'channel' })]))
        .model;
    const exact = await run(build(), { optimization: 'none' });
    expect(difference(await run(build()), exact)).toBeGreaterThan(1e-4);
    const kept = build();
    exactDequantization.run(kept);
    expect(difference(await run(kept), exact)).toBeLessThan(1e-6);
  });
});
