import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiate } from '../../autodiff/index.ts';
import { createModel, encodeModel, Tape, type Model, type Value } from '../../ir/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { openEnvironment, OrtTensor, type Environment } from '../../onnxruntime/index.ts';
import { markGradients, ownGradient } from './gradient-marks.ts';
import { marksAreOrdered, WrittenMarks } from './written-marks.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const side = 128;
const shape = [side, side];
const products = 120;

interface Shared {
  readonly model: Model;
  readonly parameters: readonly Value[];
  readonly gradients: ReadonlyMap<Value, Value>;
}

/**
 * The loss Σ (p + q·c + r·Wⁿ)². The gradient of p is that of the sum, which the gradients of r (through many products) and of q read: of
 * q after those products, as their marks have it.
 */
function shared(): Shared {
  const model = createModel();
  const [tape, { graph }] = [new Tape(model), model];
  const [p, q, r, c, w] = ['p', 'q', 'r', 'c', 'w'].map((name) => graph.addInput(name, 'float32', shape)) as [
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  let far = r;
  for (let each = 0; each < products; each++) far = tape.op('MatMul', [far, w]);
  const sum = tape.op('Add', [p, tape.op('Add', [tape.op('Mul', [q, c]), far])]);
  const loss = tape.op('ReduceSum', [tape.op('Mul', [sum, sum])], { attributes: { keepdims: 0 } });
  const parameters = [q, r, p];
  return { model, parameters, gradients: differentiate(model, { loss, parameters }) };
}

describe('the gradient of a parameter that is that of another value too', () => {
  it('is given as a copy, and one that nothing reads as it is', () => {
    const { model, parameters, gradients } = shared();
    const [q, r, p] = parameters.map((parameter) => gradients.get(parameter)) as [Value, Value, Value];
    const readers = [...p.uses].map(({ node }) => node);
    const copy = ownGradient(model, p);
    expect(copy).not.toBe(p);
    expect(copy.producer?.opType).toBe('Identity');
    expect(copy.producer?.inputs).toEqual([p]);
    expect(readers.length).toBeGreaterThan(1);
    for (const node of readers) expect(node.inputs).toContain(p);
    expect([ownGradient(model, q), ownGradient(model, r)]).toEqual([q, r]);
  });

  it.runIf(marksAreOrdered)('may be changed once its mark is written, and the others are right', async () => {
    const { model, parameters, gradients } = shared();
    const own = new Map([...gradients].map(([parameter, gradient]) => [parameter, ownGradient(model, gradient)]));
    for (const gradient of own.values()) model.graph.addOutput(gradient);
    const buckets = [2, 1, 0].map((first) => ({ first, end: first + 1 }));
    const names = markGradients(model, { parameters, gradients: own, buckets });
    using session = await environment.createSession(encodeModel(model));
    using binding = session.createBinding();
    using marks = new WrittenMarks(names);
    const count = side * side;
    using memory = NativeMemory.allocate(4 * count * 8);
    const place = (index: number): Float32Array => memory.float32(4 * count * index, count);
    const tensors = Array.from({ length: 8 }, (_, i) => OrtTensor.over(memory, 'float32', shape, 4 * count * i));
    for (const [i, name] of ['p', 'q', 'r', 'c', 'w'].entries()) {
      // An orthogonal matrix, so that the products stay as large as they are.
      const at = (k: number): number =>
        name === 'w' ? Number(k % side === (Math.floor(k / side) + 1) % side) : Math.sin(k + i);
      place(i).forEach((_, k, values) => (values[k] = at(k)));
      const tensor = tensors[i];
      if (tensor !== undefined) binding.bindInput(name, tensor);
    }
    for (const [i, parameter] of parameters.entries()) {
      const [name, tensor] = [own.get(parameter)?.name, tensors[5 + i]];
      if (name !== undefined && tensor !== undefined) binding.bindOutput(name, tensor);
    }
    marks.bind(binding);
    const [ofQ, ofR, ofP] = [place(5), place(6), place(7)];
    await session.run(binding);
    const expected = [ofQ, ofR].map((values) => values.slice());
    let changed = 0;
    for (let each = 0; each < 10; each++) {
      await marks.during(
        () => session.run(binding),
        (known) => {
          if (known === 1) changed++;
          ofP.fill(7);
        },
      );
      expect([ofQ, ofR]).toEqual(expected);
    }
    expect(changed).toBeGreaterThan(0);
    for (const tensor of tensors) tensor.dispose();
  });
});
