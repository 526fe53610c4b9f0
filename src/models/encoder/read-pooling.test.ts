import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { withTempDir } from '../testing/fixtures.ts';
import { readPooling } from './read-pooling.ts';
import type { Pooling } from './pooling.ts';

const kind = (name: string): string => `sentence_transformers.models.${name}`;
const transformer = { idx: 0, name: '0', path: '', type: kind('Transformer') };
const pooling = { idx: 1, name: '1', path: '1_Pooling', type: kind('Pooling') };
const dense = { idx: 2, name: '2', path: '2_Dense', type: kind('Dense') };
const normalize = { idx: 2, name: '2', path: '2_Normalize', type: kind('Normalize') };

function read(modules: unknown, config: unknown = { pooling_mode: 'mean' }): Promise<Pooling> {
  return withTempDir(async (dir) => {
    if (modules !== undefined) await writeFile(join(dir, 'modules.json'), JSON.stringify(modules));
    await mkdir(join(dir, '1_Pooling'));
    await writeFile(join(dir, '1_Pooling', 'config.json'), JSON.stringify(config));
    return readPooling(dir);
  });
}

describe('readPooling', () => {
  it('takes the mean where nothing is said', async () => {
    expect(await read(undefined)).toEqual({ modes: ['mean'], steps: [] });
  });

  it.each([
    { config: { pooling_mode: 'cls', embedding_dimension: 8 }, mode: 'cls' },
    { config: { pooling_mode: 'weightedmean' }, mode: 'weightedmean' },
    { config: { pooling_mode_weightedmean_tokens: true }, mode: 'weightedmean' },
    { config: { pooling_mode: ['lasttoken'] }, mode: 'lasttoken' },
    { config: { pooling_mode_cls_token: false, pooling_mode_mean_tokens: true }, mode: 'mean' },
    { config: { pooling_mode_max_tokens: true, word_embedding_dimension: 8 }, mode: 'max' },
  ])('reads $config', async ({ config, mode }) => {
    expect(await read([transformer, pooling], config)).toEqual({ modes: [mode], steps: [] });
  });

  it('knows that vectors are normalized, by old and new names of the steps', async () => {
    expect(await read([transformer, pooling, normalize])).toEqual({ modes: ['mean'], steps: ['normalize'] });
    const newer = 'sentence_transformers.base.modules.normalize.Normalize';
    expect(await read([transformer, pooling, { ...normalize, type: newer }])).toMatchObject({ steps: ['normalize'] });
  });

  it('joins several modes of the older keys in their order', async () => {
    const config = { pooling_mode_mean_tokens: true, pooling_mode_max_tokens: true, pooling_mode_cls_token: true };
    expect(await read([transformer, pooling], config)).toEqual({ modes: ['cls', 'max', 'mean'], steps: [] });
  });

  it.each([
    { problem: 'a step that is not known', modules: [transformer, pooling, { ...normalize, type: kind('CNN') }] },
    { problem: 'a layer outside of the folder', modules: [transformer, pooling, { ...dense, path: '../2_Dense' }] },
    { problem: 'a network elsewhere', modules: [{ ...transformer, path: '0_Transformer' }, pooling] },
    { problem: 'a pooling outside of the folder', modules: [transformer, { ...pooling, path: '../1_Pooling' }] },
    { problem: 'no pooling', modules: [transformer] },
  ])('refuses $problem', async ({ modules }) => {
    await expect(read(modules)).rejects.toMatchObject({ code: 'MODEL_FEATURE_UNSUPPORTED' });
  });

  it.each([
    { pooling_mode: 'median' },
    { pooling_mode: ['mean', 'max'] },
    { pooling_mode: 'mean', include_prompt: false },
    {},
  ])('refuses %j', async (config) => {
    await expect(read([transformer, pooling], config)).rejects.toMatchObject({ code: 'MODEL_FEATURE_UNSUPPORTED' });
  });
});
