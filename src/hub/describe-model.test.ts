import { describe, expect, it } from 'vitest';
import { describeModel } from './describe-model.ts';
import { pullModel } from './pull-model.ts';
import { commit, noWait, openPlace, reference } from './testing/fixtures.ts';

describe('describeModel', () => {
  it('downloads the configuration and the index, and nothing else', async () => {
    const files = {
      'config.json': Buffer.from('{"model_type": "llama"}'),
      'model.safetensors.index.json': Buffer.from('{"weight_map": {}}'),
      'model-00001-of-00001.safetensors': new Uint8Array(9),
      'tokenizer.json': Buffer.from('{}'),
    };
    await using place = await openPlace({ files });
    const described = await describeModel(reference, { settings: place.settings, wait: noWait });
    expect(described).toMatchObject({ commit, config: '{"model_type": "llama"}', index: '{"weight_map": {}}' });
    expect(described).toMatchObject({ files: expect.arrayContaining([{ path: 'tokenizer.json', size: 2 }]) });
    const loaded = place.server.downloads().map(({ path }) => path.split('/').at(-1));
    expect(loaded.sort()).toEqual(['config.json', 'model.safetensors.index.json']);
  });

  it('names the folder of a complete copy in the cache', async () => {
    await using place = await openPlace();
    const { dir } = await pullModel(reference, { settings: place.settings, wait: noWait });
    expect(await describeModel(reference, { settings: place.settings, wait: noWait })).toEqual({ dir });
  });

  it('asks for nothing when the hub is switched off', async () => {
    await using place = await openPlace();
    const settings = { ...place.settings, offline: true };
    await expect(describeModel(reference, { settings, wait: noWait })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    expect(place.server.requests).toEqual([]);
  });
});
