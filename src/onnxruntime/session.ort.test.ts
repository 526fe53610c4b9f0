import { getEventListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { liveHandles } from '../native/native-handle.ts';
import { NativeMemory } from '../native/native-memory.ts';
import { OrtTensor } from './ort-tensor.ts';
import { runOnce } from './run-once.ts';
import type { Session } from './session.ts';
import { testEnvironment } from './testing/test-environment.ts';
import { doublingModel, slowModel, tinyModel } from './testing/tiny-model.ts';

const environment = testEnvironment();

/** A binding of `slowModel` on memory of its own, the identity matrix times `scale`. */
function bindSlow(session: Session, size: number, scale: number) {
  const memory = NativeMemory.allocate(2 * size * size * 4);
  for (let i = 0; i < size; i++) memory.float32()[i * size + i] = scale;
  const x = OrtTensor.over(memory, 'float32', [size, size]);
  const y = OrtTensor.over(memory, 'float32', [size, size], size * size * 4);
  const binding = session.createBinding();
  binding.bindInput('x0', x);
  binding.bindOutput('y', y);
  const dispose = () => [binding, x, y, memory].forEach((each) => each.dispose());
  return { binding, output: memory.float32(size * size * 4), dispose, [Symbol.dispose]: dispose };
}

describe('Session', () => {
  it('tells names, types and shapes with their symbols', async () => {
    using session = await environment().createSession(doublingModel());
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['rows', 2] }]);
    expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['rows', 2] }]);
  });

  it('reads and writes our memory without a copy either way', async () => {
    using session = await environment().createSession(doublingModel());
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

  it('leaves the event loop free during a run of 100 ms and more', async () => {
    using session = await environment().createSession(slowModel(512, 150));
    using slow = bindSlow(session, 512, 1);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const begin = performance.now();
    await session.run(slow.binding);
    clearInterval(timer);
    expect(performance.now() - begin).toBeGreaterThan(100);
    expect(ticks).toBeGreaterThan(10);
  });

  it('runs several bindings at once, each on its own memory', async () => {
    using session = await environment().createSession(slowModel(64, 10));
    const bound = [1, 2, 0.5].map((scale) => bindSlow(session, 64, scale));
    await Promise.all(bound.map(({ binding }) => session.run(binding)));
    expect(bound.map(({ output }) => output[65])).toEqual([1, 2 ** 11, 0.5 ** 11]);
    for (const each of bound) each.dispose();
  });

  it('takes more runs at once than the pool has threads', async () => {
    using session = await environment().createSession(doublingModel());
    const x = tensorOf('float32', [1, 2], [1, 2]);
    const results = await Promise.all(Array.from({ length: 100 }, () => runOnce(session, { x })));
    for (const { y } of results) expect(y && [...toFloat32(y)]).toEqual([2, 4]);
  });

  it('refuses with a name when more runs wait than the queue takes', async () => {
    using session = await environment().createSession(slowModel(64, 10));
    const x0 = tensorOf('float32', [64, 64], new Float32Array(64 * 64));
    const runs = await Promise.allSettled(Array.from({ length: 300 }, () => runOnce(session, { x0 })));
    const refused = runs.filter((run) => run.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(200);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'RUNS_EXHAUSTED', retryable: true });
  });
});

describe('Session.run with a signal', () => {
  it('does not begin when the signal is aborted already', async () => {
    using session = await environment().createSession(doublingModel());
    using binding = session.createBinding();
    const reason = new Error('too late');
    await expect(session.run(binding, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('ends a run within it, rejects with the reason, and leaves session and binding usable', async () => {
    using session = await environment().createSession(slowModel(512, 3000));
    using slow = bindSlow(session, 512, 1);
    const aborter = new AbortController();
    const reason = new Error('enough');
    const begin = performance.now();
    setTimeout(() => aborter.abort(reason), 20);
    await expect(session.run(slow.binding, { signal: aborter.signal })).rejects.toBe(reason);
    // 3000 products of 512³ take a core more than 2 s.
    expect(performance.now() - begin).toBeLessThan(1500);
    expect(getEventListeners(aborter.signal, 'abort')).toHaveLength(0);

    using quick = await environment().createSession(slowModel(64, 10));
    using other = bindSlow(quick, 64, 2);
    await quick.run(other.binding, { signal: new AbortController().signal });
    expect(other.output[0]).toBe(2 ** 11);
    await expect(session.run(slow.binding, { signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/);
  });
});

describe('Session disposed during a run', () => {
  it('ends the run well, and everything is released after it', async () => {
    const before = liveHandles();
    const session = await environment().createSession(slowModel(256, 100));
    const slow = bindSlow(session, 256, 1);
    const run = session.run(slow.binding);
    slow.dispose();
    session.dispose();
    expect(liveHandles()).toEqual({ ...before, session: 1, binding: 1, tensor: 2, memory: 1 });
    expect(() => session.createBinding()).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    await expect(session.run(slow.binding)).rejects.toMatchObject({ code: 'DISPOSED' });
    await run;
    expect(liveHandles()).toEqual(before);
  });
});

describe('Environment.createSession', () => {
  it('reads external weights from their folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-weights-'));
    await writeFile(join(folder, 'weights.bin'), Float32Array.of(9, 9, 9, 9, 3, 4));
    const model = tinyModel({
      inputs: [{ name: 'x', shape: ['rows', 2] }],
      outputs: [{ name: 'y', shape: ['rows', 2] }],
      nodes: [{ opType: 'Mul', inputs: ['x', 'w'], outputs: ['y'] }],
      weights: [{ name: 'w', shape: [2], data: { location: 'weights.bin', offset: 16, length: 8 } }],
    });
    try {
      using session = await environment().createSession(model, { externalDataFolder: folder });
      const { y } = await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 10]) });
      expect(y && [...toFloat32(y)]).toEqual([3, 40]);
      await rm(join(folder, 'weights.bin'));
      const missing = environment().createSession(model, { externalDataFolder: folder });
      await expect(missing).rejects.toMatchObject({
        code: 'ORT_FAILED',
        message: expect.stringMatching(/weights\.bin/),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('tells what is wrong with a model, and leaves nothing behind', async () => {
    const before = liveHandles();
    const broken = environment().createSession(Uint8Array.of(1, 2, 3));
    await expect(broken).rejects.toMatchObject({ code: 'ORT_FAILED', details: { ortCode: 'INVALID_PROTOBUF' } });
    const unknownOperator = tinyModel({
      inputs: [{ name: 'x', shape: [1] }],
      outputs: [{ name: 'y', shape: [1] }],
      nodes: [{ opType: 'Espalier', inputs: ['x'], outputs: ['y'] }],
    });
    await expect(environment().createSession(unknownOperator)).rejects.toThrow(/CreateSessionFromArray.*Espalier/);
    const optimization = 'most' as 'all';
    const badOption = environment().createSession(doublingModel(), { optimization });
    await expect(badOption).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(environment().createSession(doublingModel(), { config: { '': 'x' } })).rejects.toThrow(/key is empty/);
    expect(liveHandles()).toEqual(before);
  });

  it.each(['all', 'extended', 'basic', 'none'] as const)('gives the same result at optimization %s', async (level) => {
    using session = await environment().createSession(doublingModel(), {
      optimization: level,
      disabledOptimizers: ['ConstantFolding'],
      memoryPattern: false,
      arena: false,
      config: { 'session.disable_prepacking': '1' },
    });
    const { y } = await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 2]) });
    expect(y && [...toFloat32(y)]).toEqual([2, 4]);
  });

  it('writes a profile of each operator when asked to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-profile-'));
    try {
      const profilePrefix = join(folder, 'trace');
      using session = await environment().createSession(doublingModel(), { profilePrefix });
      await runOnce(session, { x: tensorOf('float32', [1, 2], [1, 2]) });
      expect(session.endProfiling()).toMatch(new RegExp(`^${profilePrefix}.*\\.json$`));
      expect(session.endProfiling()).toBeUndefined();
      using plain = await environment().createSession(doublingModel());
      expect(plain.endProfiling()).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
