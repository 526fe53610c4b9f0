import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { breathe } from '../../src/core/index.ts';
import { DeviceKvCache } from '../../src/engine/runner/device-kv-cache.ts';
import { KvCache } from '../../src/engine/runner/kv-cache.ts';
import { openRunner } from '../../src/engine/runner/open-runner.ts';
import { loadGraph, storeGraph } from '../../src/engine/runner/slot-moves.ts';
import { runStep, type DecodeRow } from '../../src/engine/runner/step-runner.ts';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openGoldenCase } from '../../src/engine/testing/golden-case.ts';
import { openServedEngine } from '../../src/engine/testing/served-engine.ts';
import { deviceTraffic, openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { isShort, onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

const slots = 3;
const name = 'llama';

/** The bytes that one decode step of all slots moves between host and device. */
async function bytesOfStep(maxLength: number): Promise<number> {
  const { base, prompt } = await openGoldenCase(name);
  const sizes = { slots, maxLength, prefillChunk: 16, reportedChunk: 16, stack: undefined };
  const runner = await openRunner({ base, environment, ...sizes });
  try {
    const [tokens, end] = [prompt, prompt.length];
    for (let slot = 0; slot < slots; slot++)
      await runStep(runner, { kind: 'prefill', slot, tokens, start: 0, end, adapters: [], logits: 'last' });
    const adapters: DecodeRow['adapters'] = [];
    const step = async (length: number): Promise<void> => {
      const rows = Array.from({ length: slots }, () => ({ lastToken: 1, length, adapters }));
      await runStep(runner, { kind: 'decode', slot: 0, rows, candidates: 1 });
    };
    // The first step copies the last prompt from the stage to its slot.
    await step(end);
    const before = deviceTraffic();
    await step(end + 1);
    const after = deviceTraffic();
    return after.toDevice - before.toDevice + after.toHost - before.toHost;
  } finally {
    runner.dispose();
  }
}

describe('keys and values on a device', () => {
  it('are not copied by a decode step, which copies its tokens and its logits', async () => {
    const { base } = await openGoldenCase(name);
    const logits = slots * base.config.vocabSize * 4;
    const bytes = await bytesOfStep(64);
    expect(bytes).toBeGreaterThan(logits);
    expect(bytes).toBeLessThan(logits + 100 * slots);
    expect(await bytesOfStep(128)).toBe(bytes);
  });

  it('are seen to be copied where they are kept on the host', async () => {
    vi.spyOn(DeviceKvCache, 'open').mockImplementation((shape) =>
      Promise.resolve(new KvCache(shape) as unknown as DeviceKvCache),
    );
    const { base } = await openGoldenCase(name);
    const { layers, kvHeads, headDim } = base.config;
    const kept = 2 * layers * slots * kvHeads * headDim * 4;
    expect(await bytesOfStep(128)).toBeGreaterThan(2 * 128 * kept);
  });

  it('are moved between slots by operators of the device', async () => {
    const shape = { arrays: 2, slots: 3, size: 64 };
    for (const graph of [loadGraph(shape), storeGraph(shape)]) {
      using session = await environment.createSession(graph, { recordsAssignment: true });
      expect(session.nodesOnCpu()).toEqual([]);
    }
  });

  it('of prompts that are to be kept are refused', async () => {
    const { base } = await openGoldenCase(name);
    await expect(openServedEngine({ base, environment, maxLength: 64, prefixCache: 1 << 20 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      details: { name: 'prefixCache' },
    });
  });
});

const kinds = ['base', 'adapter', 'trained'] as const;

describe.each(isShort ? ['llama'] : ['llama', 'gemma3', 'gpt2'])(
  'sequences that come and go on a device, golden case %s',
  (case_) => {
    it('have the tokens of the reference, whatever is moved or preempted', async () => {
      const { base, prompt, greedy, adapter, trained } = await openGoldenCase(case_);
      await using engine = await openServedEngine({ base, environment, maxSlots: 4, maxLength: 64, prefillChunk: 4 });
      await engine.adapters.load('adapter', adapter);
      await engine.adapters.load('trained', trained);
      // The prompt with the first tokens of an answer is a prompt of another length, whose answer is the rest.
      const requests = Array.from({ length: 16 }, (_, i) => {
        const kind = kinds[i % kinds.length] ?? 'base';
        if (i < 6) return { kind, given: i, count: 9, class: 'background' as const };
        return { kind, given: (5 * i) % 7, count: 2 + ((3 * i) % 8), class: 'foreground' as const };
      });
      const ask = async ({ kind, given, count, class: ofClass }: (typeof requests)[number]): Promise<number[]> => {
        const adapters = kind === 'base' ? [] : [{ name: kind }];
        const tokens = [...prompt, ...greedy[kind].slice(0, given)];
        return collectIds(engine.generate({ tokens, maxTokens: count, stopTokenIds: [], adapters, class: ofClass }));
      };
      const early = requests.slice(0, 6).map(ask);
      // Until they all hold their slots: then the others take them away.
      while (engine.stats().batchSizes[4] === undefined) await breathe();
      const answers = await Promise.all([...early, ...requests.slice(6).map(ask)]);
      expect(answers).toEqual(requests.map(({ kind, given, count }) => greedy[kind].slice(given, given + count)));
      expect(engine.stats().requests).toMatchObject({ finished: requests.length, failed: 0 });
      expect(engine.stats().requests.preempted).toBeGreaterThan(0);
    });
  },
);
