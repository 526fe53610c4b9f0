import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toFloat32 } from '../tensor/index.ts';
import type { IoBinding } from './io-binding.ts';
import { liveHandles } from '../native/native-handle.ts';
import { NativeMemory } from '../native/native-memory.ts';
import { OrtTensor } from './ort-tensor.ts';
import type { Session } from './session.ts';
import { testEnvironment } from './testing/test-environment.ts';
import { slowModel, tinyModel } from './testing/tiny-model.ts';

const environment = testEnvironment();

/** sum = first + second over [rows, 2]; product likewise. */
const arithmetic = tinyModel({
  inputs: [
    { name: 'first', shape: ['rows', 2] },
    { name: 'second', shape: ['rows', 2] },
  ],
  outputs: [
    { name: 'sum', shape: ['rows', 2] },
    { name: 'product', shape: ['rows', 2] },
  ],
  nodes: [
    { opType: 'Add', inputs: ['first', 'second'], outputs: ['sum'] },
    { opType: 'Mul', inputs: ['first', 'second'], outputs: ['product'] },
  ],
});

let session: Session;
let memory: NativeMemory;
let row: OrtTensor;
let rows: OrtTensor;
beforeAll(async () => {
  session = await environment().createSession(arithmetic);
  memory = NativeMemory.allocate(64);
  row = OrtTensor.over(memory, 'float32', [1, 2]);
  rows = OrtTensor.over(memory, 'float32', [2, 2], 16);
});
afterAll(() => [row, rows, memory, session].forEach((each) => each.dispose()));
beforeEach(() => void memory.float32().set([1, 2, 0, 0, 3, 4, 5, 6]));

function bindInputs(binding: IoBinding, tensor: OrtTensor): void {
  binding.bindInput('first', tensor);
  binding.bindInput('second', tensor);
}

describe('IoBinding', () => {
  it('gives outputs that ONNX Runtime allocates, in the order of their binding, whatever their shape', async () => {
    using binding = session.createBinding();
    binding.bindOutputToHost('product');
    binding.bindOutputToHost('sum');
    for (const tensor of [row, rows]) {
      bindInputs(binding, tensor);
      await session.run(binding);
      const [product, sum] = binding.outputs();
      expect([product?.name, sum?.name]).toEqual(['product', 'sum']);
      expect(sum?.tensor.shape).toEqual(tensor.shape);
      const expected = Array.from(memory.float32(tensor.byteOffset, tensor.shape[0] === 1 ? 2 : 4), (x) => x * x);
      expect(product && [...toFloat32(product.tensor)]).toEqual(expected);
    }
  });

  it('lets an output change between our memory and theirs', async () => {
    using binding = session.createBinding();
    bindInputs(binding, row);
    using target = OrtTensor.over(memory, 'float32', [1, 2], 48);
    binding.bindOutput('sum', target);
    await session.run(binding);
    expect([...memory.float32(48, 2)]).toEqual([2, 4]);
    memory.float32(48, 2).fill(0);
    binding.bindOutputToHost('sum');
    await session.run(binding);
    expect([...memory.float32(48, 2)]).toEqual([0, 0]);
    expect(binding.outputs().map(({ tensor }) => [...toFloat32(tensor)])).toEqual([[2, 4]]);
    binding.bindOutput('sum', target);
    await session.run(binding);
    expect([...memory.float32(48, 2)]).toEqual([2, 4]);
  });

  it('holds what is bound until something else takes its place', () => {
    const before = liveHandles();
    using binding = session.createBinding();
    const first = OrtTensor.over(memory, 'float32', [1, 2]);
    bindInputs(binding, first);
    first.dispose();
    expect(liveHandles()['tensor']).toBe((before['tensor'] ?? 0) + 1);
    binding.bindInput('first', row);
    expect(liveHandles()['tensor']).toBe((before['tensor'] ?? 0) + 1);
    binding.bindInput('second', row);
    expect(liveHandles()['tensor']).toBe(before['tensor']);
    expect(() => binding.bindInput('first', first)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  });

  it('lets go of what was bound when it is cleared, and asks for it again', async () => {
    using binding = session.createBinding();
    bindInputs(binding, row);
    binding.bindOutputToHost('sum');
    binding.clearInputs();
    binding.clearOutputs();
    const run = session.run(binding);
    await expect(run).rejects.toMatchObject({
      code: 'BINDING_INCOMPLETE',
      details: { names: ['first', 'second', 'any output'] },
    });
    bindInputs(binding, row);
    binding.bindOutputToHost('sum');
    await session.run(binding);
    expect(binding.outputs()).toHaveLength(1);
  });

  it('tells which name, type or shape does not fit, and stays as it was', async () => {
    using binding = session.createBinding();
    bindInputs(binding, row);
    binding.bindOutputToHost('sum');
    expect(() => binding.bindInput('frist', row)).toThrow(/no input named frist\. Did you mean first\?/);
    expect(() => binding.bindInput('zzzzzzzz', row)).toThrow(/It has: first, second\./);
    expect(() => binding.bindOutputToHost('summ')).toThrow(expect.objectContaining({ code: 'BINDING_NAME_UNKNOWN' }));
    using integers = OrtTensor.over(memory, 'int64', [1, 2]);
    expect(() => binding.bindInput('first', integers)).toThrow(
      /Expected float32 \[rows, 2\] for first, got int64 \[1, 2\]/,
    );
    using narrow = OrtTensor.over(memory, 'float32', [2, 1]);
    expect(() => binding.bindOutput('sum', narrow)).toThrow(expect.objectContaining({ code: 'BINDING_MISMATCH' }));
    using flat = OrtTensor.over(memory, 'float32', [2]);
    expect(() => binding.bindInput('first', flat)).toThrow(expect.objectContaining({ code: 'BINDING_MISMATCH' }));
    await session.run(binding);
  });

  it("passes on ONNX Runtime's own refusal where shapes contradict each other", async () => {
    using binding = session.createBinding();
    bindInputs(binding, row);
    using three = OrtTensor.over(memory, 'float32', [3, 2]);
    binding.bindInput('first', three);
    binding.bindInput('second', rows);
    binding.bindOutputToHost('sum');
    await expect(session.run(binding)).rejects.toMatchObject({
      code: 'ORT_FAILED',
      details: { operation: 'RunWithBinding' },
    });
    bindInputs(binding, row);
    binding.bindOutput('sum', rows);
    await expect(session.run(binding)).rejects.toMatchObject({ code: 'ORT_FAILED' });
  });

  it('has nothing to read before a run', () => {
    using binding = session.createBinding();
    expect(binding.outputs()).toEqual([]);
    binding.bindOutputToHost('sum');
    expect(() => binding.outputs()).toThrow(expect.objectContaining({ code: 'OUTPUT_UNWRITTEN' }));
  });

  it('cannot be changed, read or run a second time during a run', async () => {
    using slow = await environment().createSession(slowModel(256, 50));
    using matrix = NativeMemory.allocate(256 * 256 * 4);
    using x0 = OrtTensor.over(matrix, 'float32', [256, 256]);
    using binding = slow.createBinding();
    binding.bindInput('x0', x0);
    binding.bindOutputToHost('y');
    const run = slow.run(binding);
    const busy = expect.objectContaining({ code: 'BINDING_BUSY' });
    await expect(slow.run(binding)).rejects.toEqual(busy);
    expect(() => binding.bindInput('x0', x0)).toThrow(busy);
    expect(() => binding.clearOutputs()).toThrow(busy);
    expect(() => binding.outputs()).toThrow(busy);
    await run;
    await slow.run(binding);
  });

  it('runs only in the session that made it', async () => {
    using other = await environment().createSession(arithmetic);
    using binding = other.createBinding();
    await expect(session.run(binding)).rejects.toMatchObject({ code: 'BINDING_MISMATCH' });
  });
});
