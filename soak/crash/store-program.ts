import { join } from 'node:path';
import { AdapterStore, type StoreFiles } from '../../src/adapter-store/index.ts';
import { changesInOrder, systemFiles } from '../../src/adapter-store/files/store-files.ts';
import { readCopy, versionOf, write } from '../../src/adapter-store/testing/test-adapters.ts';
import { TestUser } from '../../src/adapter-store/testing/store-under-test.ts';

/** Changes of a store of two names. Each leaves the state `old` or `new`, as `describeNames` writes it. */
export const actions = {
  publish: { old: 'other=0 policy=1', new: 'other=0 policy=2' },
  activate: { old: 'other=0 policy=1', new: 'other=0 policy=0' },
  release: { old: 'other=0 policy=1', new: 'other=0' },
} as const;

export type ActionName = keyof typeof actions;

/** Puts links into their place in two steps, so that a name has none for a moment. It is wrong. */
const removesFirst: StoreFiles = {
  ...systemFiles,
  inOrder: (changes) => changesInOrder(removesFirst, changes),
  async exchange(a, b) {
    await systemFiles.unlink(b);
    await systemFiles.rename(a, b);
    return true;
  },
};

/** Makes a store of the state `old`, in which the versions 0 and 1 are stored. */
export async function prepareStore(folder: string): Promise<void> {
  const store = await openStore(join(folder, 'store'));
  for (const [name, version] of [
    ['other', 0],
    ['policy', 1],
  ] as const) {
    await store.put(name, await write(join(folder, `made-${version}`), version));
  }
  await write(join(folder, 'made-2'), 2);
  await store[Symbol.asyncDispose]();
}

/** Opens the store of a folder, changes it in one way, and closes it. */
export async function act(folder: string, action: ActionName, { isBroken = false } = {}): Promise<void> {
  await using store = await openStore(join(folder, 'store'), isBroken ? removesFirst : systemFiles);
  if (action === 'publish') await store.put('policy', join(folder, 'made-2'));
  else if (action === 'release') await store.withdraw('policy');
  else await store.activate('policy', store.list().get('other')?.digest ?? '');
}

/** The served names of a store with the version that each one's files hold: `other=0 policy=1`. */
export async function describeNames(store: AdapterStore): Promise<string> {
  const names: string[] = [];
  for (const [name, { digest, path }] of store.list()) {
    const adapter = await readCopy(path);
    names.push(`${name}=${adapter.digest === digest ? versionOf(adapter) : 'torn'}`);
  }
  return names.sort().join(' ');
}

/** WHY it does not watch: what is tested is what it does by itself. */
export async function openStore(dir: string, files: StoreFiles = systemFiles): Promise<AdapterStore> {
  const store = await AdapterStore.open({ dir, companions: { optional: [] }, files, watch: false });
  try {
    await store.begin(new TestUser());
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
  return store;
}
