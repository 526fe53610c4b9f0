import { describe, expect, it } from 'vitest';
import { chooseAutomatically, type ProviderFacts, whereItFits } from './provider-choice.ts';

const cpu = { decode: 10, prefill: 20 };
const gpu: ProviderFacts = {
  provider: 'webgpu',
  problem: undefined,
  isSoftware: false,
  speed: { decode: 30, prefill: 200 },
};

describe('chooseAutomatically', () => {
  it('takes a GPU that is faster for both kinds of steps', () => {
    expect(chooseAutomatically(cpu, [gpu])).toMatchObject({
      provider: 'webgpu',
      reason: expect.stringContaining('3.0'),
    });
  });

  it.each([
    ['that cannot be used', { problem: 'no driver', speed: undefined }, /cannot be used/],
    ['that is software, however fast', { isSoftware: true }, /software driver/],
    ['that was not measured', { speed: undefined }, /not measured/],
    ['that is slower in decode steps', { speed: { decode: 9, prefill: 200 } }, /not faster/],
    ['that is slower in prefills', { speed: { decode: 30, prefill: 20 } }, /not faster/],
  ])('takes the CPU instead of one %s', (_, change, reason) => {
    const choice = chooseAutomatically(cpu, [{ ...gpu, ...change }]);
    expect(choice).toEqual({ provider: 'cpu', reason: expect.stringMatching(reason) });
  });

  it('takes the fastest of several', () => {
    const faster: ProviderFacts = { ...gpu, provider: 'cuda', speed: { decode: 31, prefill: 100 } };
    expect(chooseAutomatically(cpu, [gpu, faster]).provider).toBe('cuda');
  });
});

describe('whereItFits', () => {
  const gpuChoice = chooseAutomatically(cpu, [gpu]);

  it('takes the CPU where the weights alone exceed what may be held on the device', () => {
    expect(whereItFits(gpuChoice, { weights: 101, deviceMemory: 100 })).toEqual({
      provider: 'cpu',
      reason: 'the weights (101 bytes) exceed what may be held on the device (100 bytes)',
    });
  });

  it.each([
    ['the weights fit', { weights: 100, deviceMemory: 100 }],
    ['there is no limit', { weights: 100, deviceMemory: undefined }],
    ['the weights are not known', { weights: undefined, deviceMemory: 1 }],
  ])('stays with the GPU where %s', (_, room) => {
    expect(whereItFits(gpuChoice, room)).toBe(gpuChoice);
  });
});
