import { beforeAll, describe, expect, it } from 'vitest';
import type { AdaptableModule } from '../ir/index.ts';
import { matchTargets } from './match-targets.ts';
import { goldenLinears } from './testing/golden-linears.ts';

let linears: AdaptableModule[] = [];
beforeAll(async () => {
  linears = await goldenLinears();
});

describe('matchTargets', () => {
  it('fits a name to whole paths and to their ends after a dot', () => {
    const { matched, modules } = matchTargets(linears, ['q_proj', 'model.layers.1.mlp.up_proj', 'lm_head', 'q_proj']);
    expect(matched).toEqual([
      { pattern: 'q_proj', modules: ['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj'] },
      { pattern: 'model.layers.1.mlp.up_proj', modules: ['model.layers.1.mlp.up_proj'] },
      { pattern: 'lm_head', modules: ['lm_head'] },
    ]);
    expect(new Set(modules).size).toBe(4);
  });

  it('gives modules in the order of the base, each once', () => {
    const { modules } = matchTargets(linears, ['down_proj', 'mlp.down_proj', 'q_proj']);
    const order = linears.map(({ path }) => path);
    expect(modules).toEqual(order.filter((path) => /down_proj|q_proj/.test(path)));
  });

  it('takes a name in a list as a name, not as a pattern', () => {
    expect(() => matchTargets(linears, ['.*_proj'])).toThrow('The target .*_proj matches no linear module');
  });

  it('fits a regular expression to the whole path', () => {
    expect(matchTargets(linears, '.*layers\\.0\\..*[qv]_proj').modules).toHaveLength(2);
    expect(matchTargets(linears, '.*(q_proj|k_proj)').modules).toHaveLength(4);
    expect(() => matchTargets(linears, 'q_proj')).toThrow('matches no linear module');
    expect(() => matchTargets(linears, 'model.layers.0')).toThrow('matches no linear module');
  });

  it('reads what Python spells otherwise', () => {
    expect(matchTargets(linears, '\\A.*\\.(?P<kind>[qk])_proj\\Z').modules).toHaveLength(4);
    expect(matchTargets(linears, '(?P<dotted>\\w+\\.){,4}q_proj').modules).toHaveLength(2);
  });

  it("takes 'all-linear' for all but the head", () => {
    const { modules } = matchTargets(linears, 'All-Linear');
    expect(modules).toHaveLength(linears.length - 1);
    expect(modules).not.toContain('lm_head');
  });

  it.each([
    [['q_proj', 'qproj'], 'The target qproj matches no linear module of the base. Did you mean q_proj?'],
    [['attn.q_proj'], 'The target attn.q_proj matches'],
    [['Q_PROJ'], 'Did you mean q_proj?'],
    [['c_attn'], 'The base has'],
    ['all_linear', 'Did you mean all-linear?'],
    [['proj'], 'The target proj matches no'],
    [[''], 'The target  matches no'],
  ])('refuses %j', (targets, text) => {
    expect(() => matchTargets(linears, targets)).toThrow(text);
  });

  it.each(['(', '[', 'a)|(b', '(?P<x>a', '*'])('refuses %s, which is no regular expression', (pattern) => {
    expect(() => matchTargets(linears, pattern)).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
  });
});
