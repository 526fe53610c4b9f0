import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAdapter } from '../adapter-files/index.ts';
import { adapterOf, drop, write } from './testing/test-adapters.ts';
import { StoreUnderTest } from './testing/store-under-test.ts';

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
});
afterEach(() => tested[Symbol.asyncDispose]());

const names = ['adapter_config.json', 'adapter_model.safetensors'] as const;

describe('two versions that are written over each other, file by file', () => {
  it.each([
    ['before the first was quiet', 60],
    ['slowly', 95],
  ])('are never mixed: %s', async (_when, ms) => {
    await tested.open();
    const digests: string[] = [];
    const made: string[] = [];
    for (const [version, alpha] of [
      [1, 2],
      [2, 6],
    ] as const) {
      const path = join(tested.elsewhere, `version-${version}`);
      await writeAdapter(path, adapterOf(version, alpha), { format: 'peft' });
      digests.push((await tested.user.read(path)).digest);
      made.push(path);
    }
    await mkdir(tested.incoming('policy'));
    for (const path of made) {
      for (const name of names) {
        await copyFile(join(path, name), tested.incoming('policy', name));
        await tested.aWhile(ms);
      }
    }
    await tested.until(() => tested.user.heard.length > 0, 'a load');
    await tested.rest();
    expect(digests).toContain(tested.store.list().get('policy')?.digest);
    const published = tested.events.flatMap(({ event, version }) => (event === 'publish' ? [version ?? ''] : []));
    expect(published.filter((digest) => !digests.includes(digest))).toEqual([]);
  });
});

describe('an adapter that changes while it is taken in', () => {
  /** Does something when its bytes have been read, that is: in the middle of an intake. */
  async function during(act: () => Promise<unknown>): Promise<void> {
    await tested.open();
    const { user } = tested;
    const read = user.readContents.bind(user);
    let isDone = false;
    user.readContents = async (contents) => {
      if (!isDone) await act();
      isDone = true;
      return read(contents);
    };
    await drop(tested.elsewhere, tested.incoming('policy'), 1);
    await tested.until(() => user.heard.length > 0, 'a load');
    await tested.rest();
  }

  it('is what was read, and then the next version, when another folder takes its place', async () => {
    await during(async () => {
      await rename(tested.incoming('policy'), join(tested.elsewhere, 'old'));
      await drop(tested.elsewhere, tested.incoming('policy'), 2);
    });
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2']);
    expect(await readdir(tested.incoming())).toEqual([]);
  });

  it('is what was read when it is deleted', async () => {
    await during(() => rm(tested.incoming('policy'), { recursive: true }));
    expect(tested.user.heard).toEqual(['policy=1']);
  });

  it('is two versions when its files are overwritten in place', async () => {
    const made = await write(join(tested.elsewhere, 'next'), 2);
    await during(async () => {
      for (const name of names) await copyFile(join(made, name), tested.incoming('policy', name));
    });
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2']);
    expect(await readdir(tested.incoming())).toEqual([]);
  });
});
