import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../../lora/lora-config.ts';
import { formatPeftConfig, parsePeftConfig } from './peft-config.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';

const minimal = { peft_type: 'LORA', target_modules: ['q_proj'] };

describe('parsePeftConfig', () => {
  it('reads what PEFT 0.21 writes', async () => {
    const text = await readFile(join(goldenFolder('llama', 'adapter'), 'adapter_config.json'), 'utf8');
    const { config, baseName } = parsePeftConfig(JSON.parse(text), 'golden');
    expect(config).toMatchObject({ rank: 4, alpha: 8, dropout: 0, useRslora: false, rankPattern: {} });
    expect(config.targetModules).toHaveLength(7);
    expect(baseName).toBeUndefined();
  });

  it("fills in PEFT's defaults", () => {
    expect(parsePeftConfig(minimal, 'x').config).toEqual({
      rank: 8,
      alpha: 8,
      dropout: 0,
      targetModules: ['q_proj'],
      rankPattern: {},
      alphaPattern: {},
      useRslora: false,
    });
  });

  it('gives back what was formatted', () => {
    const config = {
      rank: 3,
      alpha: 1.5,
      dropout: 0.25,
      targetModules: 'all-linear',
      rankPattern: { q_proj: 2 },
      alphaPattern: { 'layers.0.mlp.up_proj': 7 },
      useRslora: true,
    };
    const text = JSON.stringify(formatPeftConfig(config, 'base'));
    expect(parsePeftConfig(JSON.parse(text), 'x')).toEqual({ config, baseName: 'base' });
  });

  it('gives back what most adapters do not have', () => {
    const config = {
      rank: 3,
      alpha: 1.5,
      dropout: 0,
      targetModules: ['c_attn', 'wte'],
      rankPattern: {},
      alphaPattern: {},
      useRslora: false,
      useDora: true,
      fanInFanOut: true,
      excludeModules: '.*h\\.0\\..*',
      layersToTransform: [0, 2],
      layersPattern: 'h',
      modulesToSave: ['classifier'],
      taskType: 'SEQ_CLS',
    };
    const text = JSON.stringify(formatPeftConfig(config, undefined));
    expect(parsePeftConfig(JSON.parse(text), 'x').config).toEqual(config);
  });

  it.each([
    ['init_lora_weights', 'pissa_niter_16', 'path_initial_model_for_weight_conversion'],
    ['init_lora_weights', 'lora_ga', 'path_initial_model_for_weight_conversion'],
    ['bias', 'lora_only', 'merge_and_unload'],
  ])('says what to do about %s = %j', (key, value, advice) => {
    expect(() => parsePeftConfig({ ...minimal, [key]: value }, 'x')).toThrow(advice);
  });

  it.each([
    [{ layers_to_transform: [-1] }, 'layers_to_transform should have whole numbers from 0 up, got -1'],
    [{ layers_to_transform: 1, target_modules: '.*q_proj' }, 'needs a list of target_modules'],
    [{ layers_pattern: 'h' }, 'layers_pattern needs layers_to_transform'],
    [{ modules_to_save: Array.from({ length: 257 }, () => 'a') }, 'modules_to_save should have at most 256 names'],
    [{ layers_pattern: '(a+)+', layers_to_transform: 1 }, "the name before a layer's number, got (a+)+"],
  ])('refuses %j, which PEFT refuses or which could run for years', (change, text) => {
    expect(() => parsePeftConfig({ ...minimal, ...change }, 'x')).toThrow(text);
  });

  it('lists every option that would change results', () => {
    const options = { use_qalora: true, bias: 'all', target_parameters: ['experts'], layer_replication: [[0, 2]] };
    expect(() => parsePeftConfig({ ...minimal, ...options }, 'a/adapter_config.json')).toThrow(
      'a/adapter_config.json uses options that Espalier does not support: use_qalora = true, bias = "all", ' +
        'target_parameters = ["experts"], layer_replication = [[0,2]].',
    );
  });

  it.each([
    ['bias', 'lora_only'],
    ['layer_replication', [[0, 1]]],
    ['target_parameters', ['mlp.experts']],
    ['alora_invocation_tokens', [1, 2]],
    ['use_qalora', true],
    ['use_bdlora', { target_modules_bd_a: [] }],
    ['arrow_config', { top_k: 3 }],
    ['kasa_config', { beta: 1 }],
    ['monteclora_config', { a: 1 }],
    ['velora_config', { num_groups: 1 }],
    ['megatron_config', { a: 1 }],
    ['ensure_weight_tying', true],
    ['init_lora_weights', 'pissa_niter_16'],
    ['init_lora_weights', 'PiSSA'],
    ['init_lora_weights', 'corda'],
    ['init_lora_weights', 'loftq'],
    ['init_lora_weights', 'lora_ga'],
    ['a_key_of_tomorrow', 1],
  ])('refuses %s = %j', (key, value) => {
    expect(() => parsePeftConfig({ ...minimal, [key]: value }, 'x')).toThrow(`${key} = `);
  });

  it.each([
    ['pissa', 'pissa'],
    ['olora', 'olora'],
    ['OLoRA', 'olora'],
  ])('knows a training that began with a part of the base: %s', (value, method) => {
    expect(parsePeftConfig({ ...minimal, init_lora_weights: value }, 'x').start).toEqual({ method });
    expect(parsePeftConfig({ ...minimal, init_lora_weights: true }, 'x').start).toBeUndefined();
  });

  it.each([
    ['init_lora_weights', 'gaussian'],
    ['init_lora_weights', false],
    ['init_lora_weights', 'mica'],
    ['a_key_of_tomorrow', null],
    ['enable_lora', null],
    ['merge_weights', false],
    ['layers_to_transform', []],
    ['modules_to_save', []],
    ['eva_config', { rho: 2 }],
    ['loftq_config', { loftq_bits: 4 }],
    ['qalora_group_size', 32],
    ['task_type', 'CAUSAL_LM'],
    ['peft_version', '0.30.0'],
  ])('takes %s = %j, which changes nothing', (key, value) => {
    expect(parsePeftConfig({ ...minimal, [key]: value }, 'x').config.rank).toBe(8);
  });

  it.each([
    [{ r: 0 }, 'r should be a whole number from 1 to 65536, got 0'],
    [{ r: 2.5 }, 'got 2.5'],
    [{ r: -4 }, 'got -4'],
    [{ r: 1e9 }, 'got 1000000000'],
    [{ r: '8' }, 'r: '],
    [{ lora_alpha: null }, 'lora_alpha: '],
    [{ lora_dropout: 1 }, 'lora_dropout should be from 0 up and below 1, got 1'],
    [{ lora_dropout: -0.1 }, 'got -0.1'],
    [{ target_modules: [] }, 'target_modules should name at least one module'],
    [{ target_modules: null }, 'target_modules: '],
    [{ target_modules: [1] }, 'target_modules: expected a list of names'],
    [{ rank_pattern: { q_proj: 0 } }, 'rank_pattern.q_proj should be a whole number'],
    [{ peft_type: 'IA3' }, 'peft_type: '],
  ])('refuses %j', (change, text) => {
    expect(() => parsePeftConfig({ ...minimal, ...change }, 'x')).toThrow(text);
    expect(() => parsePeftConfig({ ...minimal, ...change }, 'x')).toThrow('The LoRA configuration x is not valid');
  });
});

describe('settingsOf', () => {
  const paths = ['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj', 'model.layers.11.mlp.up_proj'];
  const base = { rank: 4, alpha: 8, dropout: 0, targetModules: 'all-linear' };

  it('scales by alpha / rank, or alpha / √rank', () => {
    expect(settingsOf(base, paths).get('model.layers.0.self_attn.q_proj')).toEqual({ rank: 4, scaling: 2 });
    const stabilised = settingsOf({ ...base, useRslora: true }, paths);
    expect(stabilised.get('model.layers.0.self_attn.q_proj')).toEqual({ rank: 4, scaling: 4 });
  });

  it('takes the first pattern that fits a path, whole or after a dot', () => {
    const rankPattern = {
      'layers.1.self_attn.q_proj': 16,
      q_proj: 2,
      'layers.1.mlp.up_proj': 9,
      '.*up_proj': 5,
      oj: 7,
    };
    const ranks = [...settingsOf({ ...base, rankPattern }, paths).values()].map(({ rank }) => rank);
    expect(ranks).toEqual([2, 16, 5]);
  });

  it('takes alpha from its own patterns', () => {
    const settings = settingsOf({ ...base, rankPattern: { q_proj: 2 }, alphaPattern: { 'q_proj|up_proj': 1 } }, paths);
    expect([...settings.values()].map(({ scaling }) => scaling)).toEqual([0.5, 0.5, 0.25]);
  });
});
