import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { type Environment, liveHandles, NativeMemory, openEnvironment, OrtTensor, runOnce } from './index.ts';
import { doublingModel, slowModel } from './testing/tiny-model.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  expect(liveHandles()).toEqual({});
});

describe('Session', () => {
  it('tells names, types and shapes with their symbols', async () => {
    using session = await environment.createSession(doublingModel());
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['rows', 2] }]);
    expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['rows', 2] }]);
  });

  it('runs once on host data of any row count', async () => {
    using session = await environment.createSession(doublingModel());
    for (const rows of [0, 1, 3]) {
      const x = tensorOf(
        'float32',
        [rows, 2],
        Float32Array.from({ length: rows * 2 }, (_, i) => i),
      );
      const { y } = await runOnce(session, { x });
      expect(y?.shape).toEqual([rows, 2]);
      expect(y && [...toFloat32(y)]).toEqual(Array.from({ length: rows * 2 }, (_, i) => 2 * i));
    }
  });

  it('reads and writes our memory without a copy either way', async () => {
    using session = await environment.createSession(doublingModel());
    using memory = NativeMemory.allocate(64);
    using x = OrtTensor.over(memory, 'float32', [1, 2], 0);
    using y = OrtTensor.over(memory, 'float32', [1, 2], 32);
    using binding = session.createBinding();
    binding.bindInput('x', x);
    binding.bindOutput('y', y);
    const [input, output] = [memory.float32(0, 2), memory.float32(32, 2)];
    for (const value of [1, 5]) {
      input.set([value, -value]);
      await session.run(binding);
      expect([...output]).toEqual([2 * value, -2 * value]);
    }
  });

  it('leaves the event loop free and can be aborted', async () => {
    const size = 512;
    using session = await environment.createSession(slowModel(size, 100));
    using memory = NativeMemory.allocate(size * size * 4);
    using x = OrtTensor.over(memory, 'float32', [size, size]);
    using binding = session.createBinding();
    binding.bindInput('x0', x);
    binding.bindOutputToHost('y');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await session.run(binding);
    expect(ticks).toBeGreaterThan(20);
    const aborter = new AbortController();
    setTimeout(() => aborter.abort(new Error('enough')), 5);
    await expect(session.run(binding, { signal: aborter.signal })).rejects.toThrow('enough');
    clearInterval(timer);
    await session.run(binding);
  });
});
