import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { resolveConfig, resolveTrainOptions } from './resolve-config.ts';
import type { TrainOptions } from './train-config.ts';

/** What a person at the command line reads. */
function toldBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof EspalierError) return error.commandLineMessage;
    throw error;
  }
  return 'nothing';
}

const needed = { base: 'base', data: 'rows.jsonl', output: 'out' };
const withFlags = (flags: Record<string, unknown>) => resolveConfig({ flags: { ...needed, ...flags } });
const withFile = (values: Record<string, unknown>, flags = {}) =>
  resolveConfig({ file: { path: 'run.yaml', values }, flags: { ...needed, ...flags } });

describe('resolveConfig', () => {
  it('fills in every default', () => {
    expect(withFlags({})).toMatchObject({ optimizer: 'adamw', batchSize: 8, maxGradNorm: 1, shuffle: true, seed: 0 });
  });

  it('reads numbers as the command line writes them', () => {
    expect(withFlags({ learningRate: '5e-3', rank: '16' })).toMatchObject({ learningRate: 0.005, rank: 16 });
  });

  it('lets an option win over the file', () => {
    const config = withFile({ 'learning-rate': 1, rank: 4 }, { learningRate: '0.5' });
    expect(config).toMatchObject({ learningRate: 0.5, rank: 4 });
  });

  it('takes keys of the file in both spellings', () => {
    expect(withFile({ maxGradNorm: 0, 'warmup-steps': 3 })).toMatchObject({ maxGradNorm: 0, warmupSteps: 3 });
  });

  it('names the nearest key for an unknown one in the file', () => {
    expect(() => withFile({ 'learning-rat': 1 })).toThrow(
      'run.yaml has "learning-rat", which is not a setting of a training. Did you mean learning-rate?',
    );
  });

  it.each([
    { flags: { learningRate: '0' }, text: '--learning-rate expects a number above 0, got "0".' },
    { flags: { batchSize: '2.5' }, text: '--batch-size expects a whole number above 0, got "2.5".' },
    { flags: { rank: '' }, text: '--rank expects a whole number above 0, got "".' },
    { flags: { dropout: '1' }, text: '--dropout expects a number from 0 up to, not including, 1, got "1".' },
    { flags: { schedule: 'cosin' }, text: '--schedule expects one of constant, linear, cosine, got "cosin".' },
  ])('refuses $flags and says what it expects', ({ flags, text }) => {
    expect(toldBy(() => withFlags(flags))).toContain(text);
  });

  it('refuses to start without a base', () => {
    const told = toldBy(() => resolveConfig({ flags: { data: 'x', output: 'y' } }));
    expect(told).toBe('--base expects a path, got nothing.');
  });

  it.each([
    { text: 'q_proj', targets: ['q_proj'] },
    { text: 'q_proj, v_proj', targets: ['q_proj', 'v_proj'] },
    { text: 'layers.0.self_attn.q_proj', targets: ['layers.0.self_attn.q_proj'] },
    { text: 'all-linear', targets: 'all-linear' },
    { text: '.*layers\\.[01]\\..*(q|v)_proj', targets: '.*layers\\.[01]\\..*(q|v)_proj' },
  ])('reads the targets $text', ({ text, targets }) => {
    expect(withFlags({ targetModules: text }).targetModules).toEqual(targets);
  });

  it('reads what describes an adapter, as words and as values', () => {
    const words = {
      targetModules: 'q_proj',
      excludeModules: 'k_proj,v_proj',
      layersToTransform: '0, 2',
      rankPattern: '{"q_proj": 16}',
      initLoraWeights: 'pissa_niter_16',
      useDora: false,
    };
    const read = {
      excludeModules: ['k_proj', 'v_proj'],
      layersToTransform: [0, 2],
      rankPattern: { q_proj: 16 },
      initLoraWeights: { kind: 'pissa', rounds: 16 },
    };
    expect(withFlags(words)).toMatchObject(read);
    const file = { 'target-modules': ['q_proj'], 'layers-to-transform': [0, 2], 'rank-pattern': { q_proj: 16 } };
    expect(withFile(file)).toMatchObject({ layersToTransform: [0, 2], rankPattern: { q_proj: 16 } });
  });

  it.each([
    {
      flags: { initLoraWeights: 'pisa' },
      text: 'one of default, gaussian, pissa, olora (did you mean pissa?), got "pisa".',
    },
    { flags: { initLoraWeights: 'pissa_niter_0' }, text: 'one of default, gaussian, pissa, olora' },
    { flags: { rankPattern: '{q_proj: 16}' }, text: '--rank-pattern expects ranks by name or pattern' },
    { flags: { alphaPattern: '{}' }, text: '--alpha-pattern expects alphas by name or pattern' },
    { flags: { layersToTransform: '0-3' }, text: '--layers-to-transform expects numbers of layers' },
    { flags: { modulesToSave: 'a b' }, text: '--modules-to-save expects names separated by commas' },
  ])('refuses $flags', ({ flags, text }) => {
    expect(toldBy(() => withFlags(flags))).toContain(text);
  });

  it.each([
    { flags: { initAdapter: 'a', useDora: true }, text: '--use-dora' },
    { flags: { initAdapter: 'a', rankPattern: '{"q_proj": 2}' }, text: 'the adapter is what it is already' },
    { flags: { useDora: true, initLoraWeights: 'olora' }, text: 'what is saved is a difference' },
    { flags: { layersToTransform: '1' }, text: 'PEFT reads numbers of layers beside names only' },
    { flags: { full: true, useRslora: true }, text: '--use-rslora' },
    { flags: { full: true, initAdapter: 'a' }, text: 'a full training has no adapter' },
    { flags: { full: true, rank: 4 }, text: 'they describe an adapter' },
    { flags: { evalSteps: 4 }, text: 'nothing to evaluate on' },
  ])('refuses $flags, which contradict each other', ({ flags, text }) => {
    expect(toldBy(() => withFlags(flags))).toContain(text);
  });
});

/** What a caller in JavaScript could give, whatever the types say. */
const given = (options: object): TrainOptions => ({ ...needed, ...options });

describe('resolveTrainOptions', () => {
  it('takes values as they are, and fills in every default', () => {
    const options = { rank: 16, labels: ['bad', 'good'], layersToTransform: 0, targetModules: ['q_proj'] } as const;
    const expected = { rank: 16, labels: ['bad', 'good'], layersToTransform: [0], batchSize: 8 };
    expect(resolveTrainOptions({ ...needed, ...options })).toMatchObject(expected);
  });

  it('names the nearest option for an unknown one', () => {
    expect(() => resolveTrainOptions(given({ lerningRate: 1 }))).toThrow(
      'The settings object has "lerningRate", which is not a setting of a training. Did you mean learningRate?',
    );
  });

  it.each([
    { options: { learningRate: 0 }, text: 'learningRate expects a number above 0, got 0.' },
    { options: { rank: '16' }, text: 'rank expects a whole number above 0, got "16".' },
    { options: { learningRate: Infinity }, text: 'learningRate expects a number above 0' },
    { options: { labels: 'bad,good' }, text: 'labels expects at least two different names, such as ["bad", "good"]' },
    { options: { labels: ['bad', 7] }, text: 'labels expects at least two different names' },
    { options: { rankPattern: { q_proj: '4' } }, text: 'rankPattern expects ranks by name or pattern' },
    { options: { evalSteps: 4 }, text: 'evalSteps and no evalData contradict each other' },
    { options: { momentum: 0.9 }, text: 'momentum and optimizer adamw contradict each other: adamw reads beta1' },
  ])('refuses $options in the words of code', ({ options, text }) => {
    expect(() => resolveTrainOptions(given(options))).toThrow(text);
  });
});
