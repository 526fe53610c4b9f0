import { mkdir, mkdtemp, readlink, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAdapterSource } from '../../adapter-files/index.ts';
import { layoutOf, type Layout } from '../files/layout.ts';
import { SharedFlush } from '../files/shared-flush.ts';
import { changesInOrder, systemFiles, type StoreFiles } from '../files/store-files.ts';
import { ActiveLinks } from './active-links.ts';

let layout: Layout;
beforeEach(async () => {
  layout = layoutOf(await mkdtemp(join(tmpdir(), 'espalier-links-')));
  for (const folder of [layout.active, layout.store, layout.staging]) await mkdir(folder);
  for (const key of keys) {
    await mkdir(join(layout.store, key));
    for (const name of files.required) await writeFile(join(layout.store, key, name), key);
  }
});
afterEach(() => rm(layout.dir, { recursive: true }));

const keys = ['a', 'b'].map((digit) => digit.repeat(64));
const files = { required: ['config', 'weights'], optional: [] };

/** How `ActiveLinks` would be if it did not exchange: it removes a link and makes another. */
const removing: StoreFiles = {
  ...systemFiles,
  inOrder: (changes) => changesInOrder(removing, changes),
  exchange: async (fresh, path) => {
    const [next, before] = [await readlink(fresh), await readlink(path)];
    await unlink(path);
    await symlink(next, path);
    await unlink(fresh);
    await symlink(before, fresh);
    return true;
  },
};

interface Counts {
  reads: number;
  mixed: number;
  missing: number;
}

/** Exchanges a name as often as that, while four readers read what it leads to. */
async function exchange(times: number, changes: StoreFiles): Promise<Counts> {
  // Nothing here has to survive a power failure.
  const links = new ActiveLinks(layout, changes, { flushes: new SharedFlush({ flush: () => Promise.resolve() }) });
  const [first = '', second = ''] = keys;
  await links.point('policy', first, undefined);
  const counts: Counts = { reads: 0, mixed: 0, missing: 0 };
  const state = { isDone: false };
  const readers = [1, 2, 3, 4].map(() => readUntil(state, counts));
  // One reading that finds nothing says enough.
  for (let i = 0; i < times && counts.missing === 0; i++) {
    const [from, to] = i % 2 === 0 ? [first, second] : [second, first];
    await links.point('policy', to, from);
  }
  state.isDone = true;
  await Promise.all(readers);
  return counts;
}

async function readUntil(state: { readonly isDone: boolean }, counts: Counts): Promise<void> {
  while (!state.isDone) {
    counts.reads++;
    try {
      await using source = await openAdapterSource(join(layout.active, 'policy'), { files });
      const contents = files.required.map(async (name) => {
        const file = source.requiredFile(name);
        return Buffer.from(await file.read(0, file.size)).toString();
      });
      const [config, weights] = await Promise.all(contents);
      if (config !== weights) counts.mixed++;
    } catch {
      counts.missing++;
    }
  }
}

const times = process.env['ESPALIER_SOAK'] === undefined ? 300 : 20_000;

describe.skipIf(process.platform !== 'linux')('the link of a name', () => {
  it('leads to one whole version at every moment while it is exchanged', async () => {
    const { reads, ...wrong } = await exchange(times, systemFiles);
    expect(wrong).toEqual({ mixed: 0, missing: 0 });
    expect(reads).toBeGreaterThan(times / 4);
  }, 600_000);

  it('would be missing at times if it were removed and made again', async () => {
    const { missing } = await exchange(times, removing);
    expect(missing).toBeGreaterThan(0);
  });
});
