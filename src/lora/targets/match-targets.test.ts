import { beforeAll, describe, expect, it } from 'vitest';
import type { AdaptableModule } from '../../ir/index.ts';
import { matchTargets } from './match-targets.ts';
import { goldenLinears } from '../../adapter-files/testing/golden-linears.ts';

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
    const renamed = linears.map((each) => (each.path === 'lm_head' ? { ...each, path: 'embed_out' } : each));
    expect(matchTargets(renamed, 'all-linear').modules).not.toContain('embed_out');
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

  describe('with what narrows the targets', () => {
    const count = (more: object): number =>
      matchTargets(linears, { targetModules: ['q_proj', 'k_proj'], ...more }).modules.length;

    it.each([
      [{ excludeModules: ['k_proj'] }, 2],
      [{ excludeModules: ['model.layers.0.self_attn.k_proj'] }, 3],
      [{ excludeModules: '.*layers\\.0.*' }, 2],
      [{ layersToTransform: 1 }, 2],
      [{ layersToTransform: [0, 1] }, 4],
      [{ layersToTransform: [0], layersPattern: 'layers' }, 2],
      [{ layersToTransform: [0], layersPattern: ['h', 'layers'] }, 2],
      [{ modulesToSave: ['k_proj'] }, 2],
      [{ modulesToSave: ['lm_head'] }, 4],
    ])('%j leaves %i', (more, expected) => {
      const targetModules = 'layersToTransform' in more ? ['q_proj', 'k_proj'] : '.*[qk]_proj';
      expect(matchTargets(linears, { targetModules, ...more }).modules).toHaveLength(expected);
    });

    it('takes a whole path whatever its layer, as PEFT does', () => {
      const targetModules = ['model.layers.0.self_attn.q_proj', 'k_proj'];
      expect(matchTargets(linears, { targetModules, layersToTransform: 1 }).modules).toEqual([
        'model.layers.0.self_attn.q_proj',
        'model.layers.1.self_attn.k_proj',
      ]);
    });

    it.each([
      [{ excludeModules: ['q_prj'] }, 'exclude_modules q_prj fits no targeted module. Did you mean q_proj?'],
      [{ excludeModules: 'q_proj' }, 'exclude_modules q_proj fits no targeted module.'],
      [{ layersToTransform: [0, 7] }, 'layers_to_transform 7 is the number of no layer'],
      [{ layersToTransform: [0], layersPattern: 'h' }, 'layers_to_transform 0 is the number of no layer'],
      [{ excludeModules: ['self_attn.k_proj'] }, 'target_modules k_proj has no module left'],
    ])('%j is refused', (more, text) => {
      expect(() => count(more)).toThrow(text);
    });

    it('leaves embeddings, convolutions and classifiers out of all-linear', () => {
      const modules: AdaptableModule[] = [
        { path: 'wte', kind: 'embedding', in: 8, out: 4 },
        { path: 'stem', kind: 'conv', in: 3, out: 4, kernel: [3, 3] },
        { path: 'fc', in: 4, out: 4 },
        { path: 'classifier', in: 4, out: 2 },
      ];
      expect(matchTargets(modules, 'all-linear').modules).toEqual(['fc']);
      expect(matchTargets(modules, ['wte', 'stem']).modules).toEqual(['wte', 'stem']);
    });
  });
});
