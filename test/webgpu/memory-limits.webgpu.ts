import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openGoldenCase } from '../../src/engine/testing/golden-case.ts';
import { openServedEngine } from '../../src/engine/testing/served-engine.ts';
import { createModel, encodeModel, Tape } from '../../src/ir/index.ts';
import { NativeMemory } from '../../src/native/index.ts';
import { deviceHeld, openEnvironment, OrtTensor, type Environment } from '../../src/onnxruntime/index.ts';
import { onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

describe('a device', () => {
  it('that has no room for keys and values refuses an engine, and the one beside it goes on', async () => {
    const { base, prompt, greedy } = await openGoldenCase('llama');
    await using engine = await openServedEngine({ base, environment, maxSlots: 2, maxLength: 64 });
    const { total, weights } = deviceHeld();
    const { kvHeads, headDim } = base.config;
    // One array more than the 2 GiB that a buffer may have.
    const maxSlots = Math.ceil(2 ** 31 / (64 * 4 * kvHeads * headDim)) + 1;
    const tooMany = { base, environment, maxSlots, maxLength: 64, kvMemory: 2 ** 40 };
    await expect(openServedEngine(tooMany)).rejects.toMatchObject({
      code: 'DEVICE_MEMORY',
      // The weights of the second one are there by then.
      details: { what: 'keys and values', held: total + weights },
    });
    expect(deviceHeld().total).toBe(total);
    const answer = engine.generate({ tokens: prompt, maxTokens: 4, stopTokenIds: [], adapters: [] });
    expect(await collectIds(answer)).toEqual(greedy.base.slice(0, 4));
  });

  it('computes 16-bit floats, or says in words that it has none', async () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float16', ['rows', 4]);
    model.graph.addOutput(new Tape(model).op('Add', [x, x], { outputName: 'y' }));
    using session = await environment.createSession(encodeModel(model));
    using input = NativeMemory.allocate(16);
    using output = NativeMemory.allocate(16);
    const [one, two] = [0x3c00, 0x4000];
    new DataView(input.bytes().buffer, input.bytes().byteOffset).setUint16(0, one, true);
    using binding = session.createBinding();
    using given = OrtTensor.over(input, 'float16', [1, 4]);
    using found = OrtTensor.over(output, 'float16', [1, 4]);
    binding.bindInput('x', given);
    binding.bindOutput('y', found);
    const failure = await session.run(binding).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const isRight = failure === undefined ? output.bytes()[1] === two >> 8 : failure.includes('Take the model in f32');
    expect(isRight).toBe(true);
  });
});
