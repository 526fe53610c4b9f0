import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { createModel, encodeModel, Tape } from '../../src/ir/index.ts';
import { NativeMemory } from '../../src/native/index.ts';
import { deviceHeld, openEnvironment, OrtTensor, type Environment, type Session } from '../../src/onnxruntime/index.ts';
import { onWebGpu } from './cases.ts';

let environment: Environment;
let session: Session;
beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['rows', 4]);
  model.graph.addOutput(new Tape(model).op('Add', [x, x], { outputName: 'y' }));
  session = await environment.createSession(encodeModel(model));
});
afterAll(() => {
  session.dispose();
  environment.dispose();
  assertNothingAlive();
});

describe('memory on a device', () => {
  it('begins with zeros, takes bytes and gives them back', async () => {
    using memory = await session.allocateOnDevice(64, 'a test');
    using host = NativeMemory.allocate(64);
    host.float32().fill(7);
    await memory?.copyTo(host);
    expect([...host.float32()]).toEqual(Array.from({ length: 16 }, () => 0));
    host.float32().forEach((_, i, all) => (all[i] = i));
    await memory?.copyFrom(host);
    host.float32().fill(0);
    await memory?.copyTo(host);
    expect([...host.float32()]).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('is read and written by runs in place, without the host', async () => {
    using memory = await session.allocateOnDevice(32, 'a test');
    if (memory === undefined) throw new Error('the session has an input on the device');
    using host = NativeMemory.allocate(32);
    host.float32().fill(1);
    await memory.copyFrom(host);
    using binding = session.createBinding();
    using whole = OrtTensor.over(memory, 'float32', [2, 4]);
    binding.bindInput('x', whole);
    binding.bindOutput('y', whole);
    for (let run = 0; run < 3; run++) await session.run(binding);
    await memory.copyTo(host);
    expect([...host.float32()]).toEqual(Array.from({ length: 8 }, () => 8));
    expect(() => OrtTensor.over(memory, 'float32', [1, 4], 16)).toThrow(/needs bytes 16 to 32/);
  });

  it('is all back after 500 allocations', async () => {
    expect(deviceHeld().total).toBe(0);
    for (let i = 0; i < 500; i++) {
      using memory = await session.allocateOnDevice(4096, 'a test');
      expect(deviceHeld().total).toBe(memory?.byteLength);
    }
    expect(deviceHeld().total).toBe(0);
  });

  it('that is too large is refused with what is held, and the session goes on', async () => {
    await expect(session.allocateOnDevice(2 ** 40, 'keys and values')).rejects.toMatchObject({
      code: 'DEVICE_MEMORY',
      details: { what: 'keys and values', held: 0 },
    });
    using memory = await session.allocateOnDevice(16, 'a test');
    expect(memory?.byteLength).toBe(16);
  });

  it('takes what the host has written since the last run', async () => {
    using input = NativeMemory.allocate(16);
    using output = NativeMemory.allocate(16);
    using binding = session.createBinding();
    using x = OrtTensor.over(input, 'float32', [1, 4]);
    using y = OrtTensor.over(output, 'float32', [1, 4]);
    let version = 0;
    binding.bindInput('x', x, () => version);
    binding.bindOutput('y', y);
    const run = async (value: number): Promise<number | undefined> => {
      input.float32().fill(value);
      await session.run(binding);
      return output.float32()[0];
    };
    expect(await run(1)).toBe(2);
    // The same version is not copied again; another one is.
    expect(await run(5)).toBe(2);
    version++;
    expect(await run(5)).toBe(10);
    binding.bindInput('x', x);
    expect(await run(6)).toBe(12);
    expect(await run(7)).toBe(14);
  });
});
