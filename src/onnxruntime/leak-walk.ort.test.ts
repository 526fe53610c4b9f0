import { describe, expect, it } from 'vitest';
import { liveHandles } from '../native/native-handle.ts';
import { NativeMemory } from '../native/native-memory.ts';
import { openEnvironment } from './environment.ts';
import { OrtTensor } from './ort-tensor.ts';
import { doublingModel } from './testing/tiny-model.ts';

/** Makes one of everything, uses it, and gives it in the order in which it was made. */
async function makeOneOfEach() {
  const environment = openEnvironment({ threads: 1 });
  const session = await environment.createSession(doublingModel());
  const memory = NativeMemory.allocate(64);
  const tensor = OrtTensor.over(memory, 'float32', [1, 2]);
  const binding = session.createBinding();
  binding.bindInput('x', tensor);
  binding.bindOutputToHost('y');
  await session.run(binding, { signal: new AbortController().signal });
  return [environment, session, memory, tensor, binding];
}

describe('liveHandles', () => {
  it('counts one of each, and none once they are disposed from the last to the first', async () => {
    const all = await makeOneOfEach();
    expect(liveHandles()).toEqual({ environment: 1, session: 1, memory: 1, tensor: 1, binding: 1 });
    for (const each of all.reverse()) each.dispose();
    expect(liveHandles()).toEqual({});
  });

  it('counts none whichever is disposed first', async () => {
    for (let first = 0; first < 5; first++) {
      const all = await makeOneOfEach();
      for (const each of [...all.slice(first), ...all.slice(0, first)]) each.dispose();
      expect(liveHandles()).toEqual({});
    }
  });

  it('does not let memory grow over hundreds of rounds of binding and running', async () => {
    const environment = openEnvironment({ threads: 1 });
    const session = await environment.createSession(doublingModel());
    const round = async () => {
      using memory = NativeMemory.allocate(2 ** 20);
      memory.bytes().fill(1);
      using tensor = OrtTensor.over(memory, 'float32', [2 ** 17, 2]);
      using binding = session.createBinding();
      binding.bindInput('x', tensor);
      binding.bindOutputToHost('y');
      await session.run(binding, { signal: new AbortController().signal });
    };
    for (let i = 0; i < 50; i++) await round();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 400; i++) await round();
    // Each round fills one MiB and has one more made: a leak of either would be 400 MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
    session.dispose();
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
