import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, breathe, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { codeOf } from '../testing/code-of.ts';
import { adapterOf, FakeArena, FakeFiles, type FakeWeights, knownOf } from '../testing/fake-arena.ts';
import { AdapterRegistry } from './adapter-registry.ts';

let arena: FakeArena;
let registry: AdapterRegistry<FakeWeights>;
beforeEach(() => {
  arena = new FakeArena();
  registry = new AdapterRegistry(arena, { memory: 100 });
});
afterEach(() => registry.dispose());

describe('adopted versions', () => {
  it('serve at once without a reading, and are read by the first lease that holds them', async () => {
    const files = Array.from({ length: 1000 }, (_, i) => new FakeFiles(`v${i}`));
    await Promise.all(files.map((file) => registry.adopt(file.path, knownOf(file))));
    expect(registry.list().every(({ state }) => state === 'serving')).toBe(true);
    using lease = registry.acquire('v7');
    expect([lease.version.rank, lease.version.digest, arena.prepared.length]).toEqual([2, 'v7', 0]);
    using first = await lease.hold();
    using second = await lease.hold();
    expect([first.weights.digest, second.weights]).toEqual(['v7', first.weights]);
    expect(files.reduce((sum, { reads }) => sum + reads, 0)).toBe(1);
  });

  it('move a name by compare-and-swap, and tell who did it and why', async () => {
    const seen: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => void seen.push(event));
    await registry.load('policy', adapterOf('v1'));
    using lease = registry.acquire('policy');
    const cause = { actor: 'store', reason: 'a file came' };
    const move = (digest: string, expectedVersion: string): Promise<unknown> =>
      registry.adopt('policy', knownOf(new FakeFiles(digest)), { expectedVersion, cause });
    expect(await codeOf(move('v2', 'v0'))).toBe('ADAPTER_VERSION_CONFLICT');
    await move('v2', 'v1');
    expect([lease.version.digest, registry.list()[0]?.version]).toEqual(['v1', 'v2']);
    expect(seen.at(-1)).toMatchObject({ event: 'replace', version: 'v2', previous: 'v1', ...cause });
  });

  it('are refused where their content is another one, or is not what was recorded', async () => {
    const changed = new FakeFiles('path', 'other');
    await registry.adopt('changed', knownOf(changed, { digest: 'first' }));
    using lease = registry.acquire('changed');
    expect(await codeOf(lease.hold())).toBe('ADAPTER_SOURCE_CHANGED');
    await registry.adopt('wrong', knownOf(new FakeFiles('abc'), { rank: 1, isAlone: true }));
    using wrong = registry.acquire('wrong');
    await expect(wrong.hold()).rejects.toThrow('rank was recorded as 1 and is 3; isAlone was recorded as true and is');
    expect(arena.prepared).toEqual([]);
    arena.refusal = new EspalierError('ADAPTERS_OFF', { name: 'refused' });
    await registry.adopt('refused', knownOf(new FakeFiles('xyz')));
    using refused = registry.acquire('refused');
    expect(await codeOf(refused.hold())).toBe('ADAPTERS_OFF');
  });

  it('are checked by a load of the same content too, which fails where the arena refuses it', async () => {
    await registry.adopt('known', knownOf(new FakeFiles('same')));
    arena.refusal = new EspalierError('ADAPTERS_OFF', { name: 'again' });
    expect(await codeOf(registry.load('again', adapterOf('same')))).toBe('ADAPTERS_OFF');
    expect(registry.list().map(({ name }) => name)).toEqual(['known']);
  });

  it.each([{ rank: 0 }, { rank: 1.5 }, { bytes: -1 }, { bytes: Number.NaN }, { digest: '' }])(
    'are refused with the damaged record %j',
    async (facts) => {
      const adopted = registry.adopt('a', knownOf(new FakeFiles('a'), facts));
      expect(await codeOf(adopted)).toBe('ADAPTER_FACTS_INVALID');
      expect([registry.list(), registry.versions()]).toEqual([[], []]);
    },
  );

  it('wait for a load of the same content, and are served if it fails', async () => {
    arena.failure = new Error('torn');
    const load = codeOf(registry.load('loaded', adapterOf('same')));
    await breathe();
    const adopted = registry.adopt('adopted', knownOf(new FakeFiles('same')));
    expect(await load).toBe('other');
    await adopted;
    arena.failure = undefined;
    using lease = registry.acquire('adopted');
    using hold = await lease.hold();
    expect([hold.weights.digest, registry.versions().length]).toEqual(['same', 1]);
  });
});
