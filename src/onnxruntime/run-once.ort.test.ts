import { describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { liveHandles } from '../native/native-handle.ts';
import { runOnce } from './run-once.ts';
import { testEnvironment } from './testing/test-environment.ts';
import { doublingModel, tinyModel } from './testing/tiny-model.ts';

const environment = testEnvironment();

describe('runOnce', () => {
  it.each([0, 1, 3])('runs on host data of %d rows', async (rows) => {
    using session = await environment().createSession(doublingModel());
    const values = Float32Array.from({ length: rows * 2 }, (_, i) => i);
    const { y } = await runOnce(session, { x: tensorOf('float32', [rows, 2], values) });
    expect(y?.shape).toEqual([rows, 2]);
    expect(y && toFloat32(y)).toEqual(values.map((value) => 2 * value));
  });

  it('gives the outputs that are asked for, of any type and rank', async () => {
    const model = tinyModel({
      inputs: [{ name: 'x', elementType: 7, shape: ['n'] }],
      outputs: [
        { name: 'count', elementType: 7, shape: [] },
        { name: 'shape', elementType: 7, shape: [1] },
      ],
      nodes: [
        { opType: 'Size', inputs: ['x'], outputs: ['count'] },
        { opType: 'Shape', inputs: ['x'], outputs: ['shape'] },
      ],
    });
    using session = await environment().createSession(model);
    const x = tensorOf('int64', [3], [1n, 2n, 3n]);
    expect(await runOnce(session, { x })).toEqual({
      count: tensorOf('int64', [], [3n]),
      shape: tensorOf('int64', [1], [3n]),
    });
    expect(Object.keys(await runOnce(session, { x }, ['shape']))).toEqual(['shape']);
    expect(Object.keys(await runOnce(session, { x }, { outputs: ['count'] }))).toEqual(['count']);
  });

  it('tells which feed does not fit, and leaves nothing behind', async () => {
    using session = await environment().createSession(doublingModel());
    const before = liveHandles();
    const x = tensorOf('float32', [1, 2], [1, 2]);
    await expect(runOnce(session, { x, z: x })).rejects.toThrow(/no input named z/);
    await expect(runOnce(session, {})).rejects.toThrow(/Nothing is bound to x\./);
    await expect(runOnce(session, { x }, ['z'])).rejects.toThrow(/no output named z.*It has: y\.|Did you mean y\?/);
    await expect(runOnce(session, { x: tensorOf('int64', [1, 2], [1, 2]) })).rejects.toThrow(
      /Expected float32 \[rows, 2\] for x, got int64 \[1, 2\]/,
    );
    const reason = new Error('late');
    await expect(runOnce(session, { x }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(liveHandles()).toEqual(before);
  });
});
