import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { goldenFolder, goldenLinears } from '../../adapter-files/testing/golden-linears.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { AdapterRegistry } from '../registry/adapter-registry.ts';
import { FakeArena, type FakeWeights } from '../testing/fake-arena.ts';
import { announceAdapters } from './announce-adapters.ts';

let root: string;
let folder: string;
let linears: readonly AdaptableModule[];
let arena: FakeArena;
let registry: AdapterRegistry<FakeWeights>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-'));
  linears = await goldenLinears();
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'adapters-'));
  arena = new FakeArena();
  registry = new AdapterRegistry(arena, { memory: 2 ** 20 });
});
afterEach(() => registry.dispose());
afterAll(() => rm(root, { recursive: true }));

const add = (name: string): Promise<void> =>
  cp(goldenFolder('llama', 'trained'), join(folder, name), { recursive: true });
const announce = (): ReturnType<typeof announceAdapters> =>
  announceAdapters({ folder, registry, linears, baseName: 'base' });
const states = (): object => Object.fromEntries(registry.list().map(({ name, state }) => [name, state]));

describe('announceAdapters', () => {
  it('registers every adapter of the folder, and reads them', async () => {
    await Promise.all(['a', 'b'].map(add));
    await (
      await announce()
    ).settled;
    expect(states()).toEqual({ a: 'serving', b: 'serving' });
  });

  it('registers those whose structure is wrong as failed, without reading their weights, and serves the others', async () => {
    await Promise.all(['good', 'torn'].map(add));
    await mkdir(join(folder, 'empty'));
    await writeFile(join(folder, 'empty', 'adapter_config.json'), '{}');
    await truncate(join(folder, 'torn', 'adapter_model.safetensors'), 100);
    await (
      await announce()
    ).settled;
    expect(states()).toEqual({ empty: 'failed', good: 'serving', torn: 'failed' });
    expect(arena.prepared).toHaveLength(1);
    expect(() => registry.acquire('torn')).toThrow(/torn/);
  });

  it('finds out in the background what only the weights show, and fails that adapter alone', async () => {
    await Promise.all(['a', 'b'].map(add));
    arena.failure = new Error('not finite');
    await (
      await announce()
    ).settled;
    expect(states()).toEqual({ a: 'failed', b: 'failed' });
    expect(registry.list()[0]?.error).toBe(arena.failure);
  });

  it('refuses a folder in which an adapter has the name of the base, and registers nothing', async () => {
    await Promise.all(['a', 'base'].map(add));
    await expect(announce()).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(registry.list()).toEqual([]);
  });

  it('refuses a folder that does not exist', async () => {
    folder = join(root, 'none');
    await expect(announce()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('has nothing to do without a folder', async () => {
    await (
      await announceAdapters({ folder: undefined, registry, linears, baseName: 'base' })
    ).settled;
    expect(registry.list()).toEqual([]);
  });
});
