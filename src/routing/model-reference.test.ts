import { describe, expect, it } from 'vitest';
import { parseModel } from './model-reference.ts';

const digest = 'A'.repeat(64);

describe('parseModel', () => {
  it.each<[string, string, string | undefined]>([
    ['base', 'base', undefined],
    ['strict', 'strict', undefined],
    ['org/strict', 'org/strict', undefined],
    ['base:strict', 'strict', undefined],
    ['base:', 'base:', undefined],
    ['other:strict', 'other:strict', undefined],
    ['strict@0a1b2c3d', 'strict', '0a1b2c3d'],
    ['base:org/strict@0A1B2C3D', 'org/strict', '0a1b2c3d'],
    [`strict@${digest}`, 'strict', digest.toLowerCase()],
    [`strict@${digest}0`, `strict@${digest}0`, undefined],
    ['strict@0a1b2c3', 'strict@0a1b2c3', undefined],
    ['strict@0a1b2c3g', 'strict@0a1b2c3g', undefined],
    ['@0a1b2c3d', '@0a1b2c3d', undefined],
    ['a@b@0a1b2c3d', 'a@b', '0a1b2c3d'],
  ])('%s is %s at %s', (model, name, version) => {
    expect(parseModel(model, 'base')).toEqual({ name, version });
  });

  it('leaves the name of a fine-tuned adapter whole, also where the base is named ft', () => {
    const name = 'ft:ft:support:x7k2p9qa';
    expect(parseModel(name, 'ft')).toEqual({ name, version: undefined });
    expect(parseModel(`${name}@0a1b2c3d`, 'base')).toEqual({ name, version: '0a1b2c3d' });
  });
});
