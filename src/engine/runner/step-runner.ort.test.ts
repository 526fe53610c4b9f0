import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { describeStepRunner } from '../testing/describe-step-runner.ts';
import { openGoldenCase } from '../testing/golden-case.ts';
import { CachedRunner } from './cached-runner.ts';
import { LimitedRunner } from './limited-runner.ts';
import { openRunner } from './open-runner.ts';
import { RecomputeRunner } from './recompute-runner.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

const sizes = { slots: 3, maxLength: 64, prefillChunk: 16, reportedChunk: 16, stack: undefined, rankRows: 1 };

describe.each([
  { name: 'llama-d16', graph: 'model', type: CachedRunner },
  { name: 'llama-d16', graph: 'merged', type: CachedRunner },
  { name: 'gpt2', graph: 'with-past/decoder_with_past_model.onnx', type: LimitedRunner },
  { name: 'llama-d16', graph: 'torch-export', type: RecomputeRunner },
])('$name/$graph', ({ name, graph, type }) => {
  it(`runs with ${type.name}`, async () => {
    const { base } = await openGoldenCase(name, graph);
    const runner = await openRunner({ base, environment, ...sizes });
    expect(runner).toBeInstanceOf(type);
    runner.dispose();
  });

  describeStepRunner(type.name, async () => {
    const { base, prompt, greedy } = await openGoldenCase(name, graph);
    const runner = await openRunner({ base, environment, ...sizes });
    return { runner, prompt, answer: greedy.base, dispose: () => runner.dispose() };
  });
});
