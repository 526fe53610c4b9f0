import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceKvCache } from '../../src/engine/runner/device-kv-cache.ts';
import { openRunner } from '../../src/engine/runner/open-runner.ts';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { describeStepRunner } from '../../src/engine/testing/describe-step-runner.ts';
import { openGoldenCase } from '../../src/engine/testing/golden-case.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { isShort, onWebGpu } from './cases.ts';

// Rotation inside of the attention, before it, with windows and norms of heads, and none.
const cases = isShort ? ['llama'] : ['llama', 'llama-d16', 'gemma3', 'gpt2'];

const sizes = { slots: 3, maxLength: 64, prefillChunk: 16, reportedChunk: 16, stack: undefined };

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

describe.each(cases)('golden case %s', (name) => {
  it('keeps keys and values on the device', async () => {
    const { base } = await openGoldenCase(name);
    const runner = await openRunner({ base, environment, ...sizes });
    expect(runner.slots).toBeInstanceOf(DeviceKvCache);
    runner.dispose();
  });

  describeStepRunner(`on a device, ${name}`, async () => {
    const { base, prompt, greedy } = await openGoldenCase(name);
    const runner = await openRunner({ base, environment, ...sizes });
    return { runner, prompt, answer: greedy.base, dispose: () => runner.dispose() };
  });
});
