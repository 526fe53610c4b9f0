import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../files/store-files.ts';
import { StoreUnderTest } from '../testing/store-under-test.ts';

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
  await tested.open();
});
afterEach(() => tested[Symbol.asyncDispose]());

describe('pinned names', () => {
  it('are known after a restart, however many were pinned at once', async () => {
    const pin = { actor: 'eve', reason: 'audit', keepsWeights: true };
    const { pins } = tested.store;
    await Promise.all(['policy', 'org/other', '__proto__'].map((name) => pins.set(name, pin)));
    await Promise.all([pins.set('policy', undefined), pins.set('none', undefined)]);
    await pins.set('org/other', { actor: 'adam', keepsWeights: false });
    const expected = { 'org/other': { actor: 'adam', keepsWeights: false }, ['__proto__']: pin };
    expect(await pins.all()).toEqual(new Map(Object.entries(expected)));
    await tested.reopen();
    expect(await tested.store.pins.all()).toEqual(new Map(Object.entries(expected)));
    expect(await readdir(tested.at('staging'))).toEqual([]);
  });

  it.each(['{', '[1]', 'null', '{"policy": {"actor": "eve"}}'])(
    'are not passed over where they read %s',
    async (text) => {
      await tested.close();
      await writeFile(join(tested.at('history'), '.pins.json'), text);
      await tested.open();
      await expect(tested.store.pins.all()).rejects.toMatchObject({ code: 'STORE_PINS_UNREADABLE' });
    },
  );

  it('stay as they were where they cannot be written', async () => {
    const broken = { ...systemFiles, rename: () => Promise.reject(new Error('EIO')) };
    await tested.store.pins.set('policy', { actor: 'eve', keepsWeights: false });
    await tested.reopen({ files: broken });
    await expect(tested.store.pins.set('policy', undefined)).rejects.toThrow('EIO');
    expect([...(await tested.store.pins.all()).keys()]).toEqual(['policy']);
    await tested.reopen();
    expect([...(await tested.store.pins.all()).keys()]).toEqual(['policy']);
  });
});
