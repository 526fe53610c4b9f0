import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHubSettings } from './hub-settings.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'espalier-hub-home-'));
  await writeFile(join(home, 'token'), 'stored\n');
});
afterAll(() => rm(home, { recursive: true }));

describe('readHubSettings', () => {
  it.each([
    { variables: {}, cache: join(homedir(), '.cache/huggingface/hub') },
    { variables: { XDG_CACHE_HOME: '/x' }, cache: '/x/huggingface/hub' },
    { variables: { HF_HOME: '~/hf', XDG_CACHE_HOME: '/x' }, cache: join(homedir(), 'hf/hub') },
    { variables: { HF_HUB_CACHE: '/c', HF_HOME: '/h' }, cache: '/c' },
  ])('finds the cache by $variables', async ({ variables, cache }) => {
    expect((await readHubSettings({ HF_TOKEN_PATH: '/none', ...variables })).cache).toBe(cache);
  });

  it.each([
    { variables: {}, token: 'stored' },
    { variables: { HF_TOKEN: 'given' }, token: 'given' },
    { variables: { HF_TOKEN: ' ' }, token: 'stored' },
    { variables: { HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, token: undefined },
    { variables: { HF_TOKEN_PATH: '/none' }, token: undefined },
  ])('takes the token $token by $variables', async ({ variables, token }) => {
    expect((await readHubSettings({ HF_HOME: home, ...variables })).token).toBe(token);
  });

  it('knows where the hub is, and whether to ask it', async () => {
    const settings = await readHubSettings({ HF_HOME: home, HF_ENDPOINT: 'https://mirror/', HF_HUB_OFFLINE: 'yes' });
    expect(settings).toMatchObject({ endpoint: 'https://mirror', offline: true });
    expect(await readHubSettings({ HF_HOME: home, HF_HUB_OFFLINE: '0' })).toMatchObject({
      endpoint: 'https://huggingface.co',
      offline: false,
    });
  });
});
