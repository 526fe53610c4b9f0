import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, breathe, EspalierError } from '../../core/index.ts';
import { codeOf } from '../testing/code-of.ts';
import { adapterOf, FakeArena, FakeFiles, type FakeWeights, knownOf } from '../testing/fake-arena.ts';

import { AdapterRegistry } from './adapter-registry.ts';
import type { AdapterLease } from './adapter-version.ts';

let arena: FakeArena;
let registry: AdapterRegistry<FakeWeights>;
beforeEach(() => {
  arena = new FakeArena();
  registry = new AdapterRegistry(arena, { memory: 100 });
});
afterEach(() => registry.dispose());

describe('AdapterRegistry', () => {
  it('answers an unknown name with what is loaded and what was probably meant', async () => {
    await registry.load('risk-strict', adapterOf('a'));
    expect(() => registry.acquire('risk-strct')).toThrow(
      'No adapter named risk-strct is loaded. Did you mean risk-strict?',
    );
  });

  it('keeps the replaced version until its last lease ends, and gives new requests the new one', async () => {
    await registry.load('policy', adapterOf('old'));
    const [first, second] = [registry.acquire('policy'), registry.acquire('policy')];
    await registry.replace('policy', adapterOf('newer'));
    using third = registry.acquire('policy');
    expect([first.version.digest, third.version.digest]).toEqual(['old', 'newer']);
    first.dispose();
    first.dispose();
    expect(arena.alive).toBe(8);
    second.dispose();
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['newer']);
    expect([arena.alive, arena.forgotten]).toEqual([5, ['old']]);
  });

  it('lets a request end on an unloaded adapter, and refuses the next one', async () => {
    await registry.load('policy', adapterOf('v'));
    const lease = registry.acquire('policy');
    await registry.unload('policy');
    expect(() => registry.acquire('policy')).toThrow(/No adapter named policy is loaded\./);
    using hold = await lease.hold();
    expect(hold.weights.isDisposed).toBe(false);
    lease.dispose();
    expect(registry.versions()).toEqual([]);
    expect(hold.weights.isDisposed).toBe(false);
    hold.dispose();
    expect(hold.weights.isDisposed).toBe(true);
  });

  it('lets a share of a lease outlive it', async () => {
    await registry.load('policy', adapterOf('v'));
    const lease = registry.acquire('policy');
    const share = lease.share();
    lease.dispose();
    await registry.unload('policy');
    expect(registry.versions()).toHaveLength(1);
    share.dispose();
    expect(registry.versions()).toHaveLength(0);
  });

  it('prepares the same content once, under however many names', async () => {
    await Promise.all([registry.load('a', adapterOf('same')), registry.load('b', adapterOf('same'))]);
    await registry.replace('a', adapterOf('same'));
    expect([arena.prepared.length, arena.alive]).toEqual([1, 4]);
    await registry.unload('a');
    expect(arena.alive).toBe(4);
    await registry.unload('b');
    expect(arena.alive).toBe(0);
  });

  it('refuses to load over a name, to move a name that is elsewhere, and to replace what is not there', async () => {
    await registry.load('policy', adapterOf('v1'));
    expect(await codeOf(registry.load('policy', adapterOf('v2')))).toBe('ADAPTER_ALREADY_LOADED');
    const stale = { expectedVersion: 'v0' };
    expect(await codeOf(registry.replace('policy', adapterOf('v2'), stale))).toBe('ADAPTER_VERSION_CONFLICT');
    expect(await codeOf(registry.unload('policy', stale))).toBe('ADAPTER_VERSION_CONFLICT');
    expect(await codeOf(registry.replace('other', adapterOf('v2')))).toBe('ADAPTER_NOT_FOUND');
    expect(registry.list()).toMatchObject([{ name: 'policy', version: 'v1', rank: 2, leases: 0, state: 'serving' }]);
  });

  it('lets one of two loads of one name at once succeed, however long their files take', async () => {
    const codes = await Promise.all(['x', 'y'].map((path) => codeOf(registry.load('name', new FakeFiles(path)))));
    expect(codes.toSorted()).toEqual(['ADAPTER_ALREADY_LOADED', 'none']);
    expect(registry.list()).toMatchObject([{ version: 'x', path: 'x' }]);
  });

  it('leaves the old version serving when the new one is refused, cannot be read or cannot be prepared', async () => {
    await registry.load('policy', adapterOf('1234'));
    arena.refusal = new EspalierError('ADAPTERS_OFF', { name: 'policy' });
    expect(await codeOf(registry.replace('policy', adapterOf('12345')))).toBe('ADAPTERS_OFF');
    arena.refusal = undefined;
    arena.failure = new Error('torn');
    expect(await codeOf(registry.replace('policy', adapterOf('xyz')))).toBe('other');
    expect(await codeOf(registry.put('policy', new FakeFiles('gone', new Error('gone'))))).toBe('other');
    using lease = registry.acquire('policy');
    expect(lease.version.digest).toBe('1234');
    expect([arena.alive, registry.versions().length]).toEqual([4, 1]);
  });

  it('lets one of many racing moves from the same version win', async () => {
    await registry.load('policy', adapterOf('start'));
    const moves = Array.from({ length: 20 }, (_, i) =>
      codeOf(registry.replace('policy', adapterOf(`v${i}`), { expectedVersion: 'start' })),
    );
    const results = await Promise.all(moves);
    expect(results.filter((code) => code === 'none')).toHaveLength(1);
    expect(results.filter((code) => code === 'ADAPTER_VERSION_CONFLICT')).toHaveLength(19);
    expect(registry.list()[0]?.version).toBe('v0');
  });

  it('gives the same list until a name changes, with the leases of the moment', async () => {
    await registry.load('policy', adapterOf('v'));
    const list = registry.list();
    using _ = registry.acquire('policy');
    expect(registry.list()).toBe(list);
    expect(list[0]?.leases).toBe(1);
    await registry.load('other', adapterOf('v'));
    expect(registry.list()).not.toBe(list);
  });
});

describe('host memory', () => {
  it('gives back the memory of every reading, once its weights are prepared or refused', async () => {
    const [files, same, refused] = [new FakeFiles('a'), new FakeFiles('b', 'a'), new FakeFiles('c')];
    await Promise.all([registry.load('first', files), registry.load('second', same)]);
    arena.failure = new Error('no memory');
    await expect(registry.load('third', refused)).rejects.toThrow('no memory');
    arena.failure = undefined;
    // Room for nothing else: the weights are dropped, and read again for the next request.
    await registry.load('large', adapterOf('x'.repeat(100)));
    using lease = registry.acquire('first');
    (await lease.hold()).dispose();
    expect([files, same, refused].map(({ reads }) => reads)).toEqual([2, 1, 1]);
    expect([files, same, refused].map(({ releases }) => releases)).toEqual([2, 1, 1]);
  });

  it('drops what was not used for longest, and reads it again when it is needed', async () => {
    const files = ['aaaa', 'bbbb', 'cccc'].map((path) => new FakeFiles(path));
    registry = new AdapterRegistry(arena, { memory: 8 });
    for (const file of files) await registry.load(file.path, file);
    expect([arena.alive, registry.memory().used]).toEqual([8, 8]);
    using lease = registry.acquire('aaaa');
    const holds = await Promise.all([lease.hold(), lease.hold()]);
    expect(holds.map(({ weights }) => weights.digest)).toEqual(['aaaa', 'aaaa']);
    expect(files.map(({ reads }) => reads)).toEqual([2, 1, 1]);
    for (const hold of holds) hold.dispose();
    expect(arena.alive).toBe(8);
  });

  it('keeps what is held, and goes beyond its budget for that alone', async () => {
    registry = new AdapterRegistry(arena, { memory: 0 });
    await registry.load('a', new FakeFiles('aaaa'));
    expect(arena.alive).toBe(0);
    using lease = registry.acquire('a');
    const hold = await lease.hold();
    await breathe();
    expect([hold.weights.isDisposed, arena.alive]).toEqual([false, 4]);
    hold.dispose();
    expect(arena.alive).toBe(0);
  });

  it('fails a request whose adapter has changed on disk, rather than answering with the other version', async () => {
    const files = new FakeFiles('path', 'first');
    registry = new AdapterRegistry(arena, { memory: 0 });
    await registry.load('a', files);
    using lease = registry.acquire('a');
    files.content = 'other';
    await expect(lease.hold()).rejects.toMatchObject({ code: 'ADAPTER_SOURCE_CHANGED', details: { path: 'path' } });
    files.content = 'first';
    (await lease.hold()).dispose();
  });

  it('reads a version from another of its sources when the first has changed', async () => {
    const [first, second] = [new FakeFiles('first', 'same'), new FakeFiles('second', 'same')];
    registry = new AdapterRegistry(arena, { memory: 0 });
    await registry.load('a', first);
    await registry.load('b', second);
    first.content = 'other';
    using lease = registry.acquire('a');
    using hold = await lease.hold();
    expect(hold.weights.digest).toBe('same');
    expect(registry.list().map(({ path }) => path)).toEqual(['first', 'second']);
  });

  it('reads dropped weights again while as many loads of the same content as there are lanes go on', async () => {
    registry = new AdapterRegistry(arena, { memory: 0 });
    await registry.load('a', new FakeFiles('first', 'same'));
    using lease = registry.acquire('a');
    const loads = ['b', 'c'].map((name) => registry.load(name, new FakeFiles(name, 'same')));
    using hold = await lease.hold();
    expect(hold.weights.digest).toBe('same');
    expect((await Promise.all(loads)).map(({ digest }) => digest)).toEqual(['same', 'same']);
  });

  it('never drops a version that requests use and no name has, since its file may be gone', async () => {
    registry = new AdapterRegistry(arena, { memory: 8 });
    const files = new FakeFiles('policy', '11111111');
    await registry.load('policy', files);
    using lease = registry.acquire('policy');
    files.content = '22222222';
    await registry.replace('policy', files);
    (await lease.hold()).dispose();
    expect(files.reads).toBe(2);
  });
});

describe('announced adapters', () => {
  it('are read in the background, and the one that a request asks for at once', async () => {
    const files = ['a', 'b', 'c', 'd'].map((path) => new FakeFiles(path));
    for (const file of files) registry.announce(file.path, file);
    expect(registry.list().map(({ state }) => state)).toEqual(['pending', 'pending', 'pending', 'pending']);
    expect(() => registry.acquire('d')).toThrow(expect.objectContaining({ code: 'ADAPTER_BEING_READ' }));
    const reading = registry.readAnnounced();
    using lease = await registry.lease('d');
    expect(lease.version.digest).toBe('d');
    expect(registry.list().filter(({ state }) => state === 'pending').length).toBeGreaterThan(0);
    await reading;
    expect(registry.list().map(({ version }) => version)).toEqual(['a', 'b', 'c', 'd']);
    expect(files.map(({ reads }) => reads)).toEqual([1, 1, 1, 1]);
  });

  it('that cannot be read fail alone, with their own error, until they are loaded anew', async () => {
    registry.announce(
      'bad',
      new FakeFiles('bad', new EspalierError('LORA_CONFIG_INVALID', { path: 'bad', problems: 'x' })),
    );
    registry.announce('good', new FakeFiles('good'));
    await registry.readAnnounced();
    using _ = await registry.lease('good');
    await expect(registry.lease('bad')).rejects.toMatchObject({ code: 'LORA_CONFIG_INVALID' });
    expect(registry.list()).toMatchObject([{ state: 'failed' }, { state: 'serving' }]);
    await registry.load('bad', new FakeFiles('bad'));
    using lease = registry.acquire('bad');
    expect(lease.version.digest).toBe('bad');
  });

  it('do not drop from memory in the background what is there already', async () => {
    registry = new AdapterRegistry(arena, { memory: 5 });
    await registry.load('used', adapterOf('used'));
    registry.announce('late', new FakeFiles('late'));
    await registry.readAnnounced();
    expect(arena.prepared.map(({ isDisposed }) => isDisposed)).toEqual([false, true]);
  });
});

describe('the channel espalier:adapter', () => {
  const seen: unknown[] = [];
  const listen = (message: unknown): void => void seen.push(message);
  beforeEach(() => subscribe('espalier:adapter', listen));
  afterEach(() => {
    unsubscribe('espalier:adapter', listen);
    seen.length = 0;
  });

  it('tells what happened, in order', async () => {
    await registry.load('policy', adapterOf('v1'));
    const lease = registry.acquire('policy');
    await registry.replace('policy', adapterOf('v2'));
    await registry.unload('policy');
    lease.dispose();
    const error = new Error('unreadable');
    registry.announce('bad', new FakeFiles('bad', error));
    await registry.readAnnounced();
    const done = { time: expect.any(Number) as number, actor: 'server', result: 'done' } as const;
    const timed = { ...done, durationMs: expect.any(Number) as number };
    expect(seen).toEqual([
      { ...timed, event: 'resident', version: 'v1', details: { bytes: 2 } },
      { ...timed, event: 'load', name: 'policy', version: 'v1' },
      { ...timed, event: 'resident', version: 'v2', details: { bytes: 2 } },
      { ...timed, event: 'replace', name: 'policy', version: 'v2', previous: 'v1' },
      { ...done, event: 'unload', name: 'policy', version: 'v2' },
      { ...done, event: 'release', version: 'v2', details: { bytes: 2 } },
      { ...done, event: 'retire', version: 'v2' },
      { ...done, event: 'release', version: 'v1', details: { bytes: 2 } },
      { ...done, event: 'retire', version: 'v1' },
      { ...done, result: 'failed', event: 'fail', name: 'bad', error },
    ] satisfies AdapterEvent[]);
  });
});

describe('the registry, through any order of loads, adoptions, replacements, unloads, leases and holds', () => {
  const version = fc.constantFrom('a', 'bb', 'ccc', 'dd', 'e');
  const name = fc.constantFrom('x', 'y', 'z');
  const step = fc.record({
    kind: fc.constantFrom(
      'load',
      'adopt',
      'replace',
      'rollback',
      'pin',
      'unpin',
      'unload',
      'acquire',
      'hold',
      'release',
      'wait',
    ),
    name,
    version,
    pick: fc.nat(),
  });

  it('never gives a leased version other weights or none, and ends with everything given back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const own = new FakeArena();
        const tried = new AdapterRegistry(own, { memory: 4 });
        const leases: AdapterLease<FakeWeights>[] = [];
        const pending: Promise<unknown>[] = [];
        const use = async (lease: AdapterLease<FakeWeights>): Promise<void> => {
          using own = lease;
          using hold = await own.hold();
          expect([hold.weights.digest, hold.weights.isDisposed]).toEqual([lease.version.digest, false]);
          await breathe();
          expect(hold.weights.isDisposed).toBe(false);
        };
        for (const { kind, name: target, version: id, pick } of steps) {
          if (kind === 'load') pending.push(codeOf(tried.load(target, adapterOf(id))));
          if (kind === 'adopt') pending.push(codeOf(tried.adopt(target, knownOf(new FakeFiles(id)))));
          if (kind === 'replace') pending.push(codeOf(tried.replace(target, new FakeFiles(id))));
          if (kind === 'rollback') pending.push(codeOf(tried.rollback(target)));
          if (kind === 'pin') pending.push(codeOf(tried.pins.pinName(target, { keepsWeights: pick % 2 === 0 })));
          if (kind === 'unpin') pending.push(codeOf(tried.pins.unpinName(target)));
          if (kind === 'unload') pending.push(codeOf(tried.unload(target)));
          if (kind === 'acquire' && tried.has(target)) leases.push(tried.acquire(target));
          const lease = leases[pick % Math.max(1, leases.length)];
          if (kind === 'hold' && lease) pending.push(codeOf(use(lease.share())));
          if (kind === 'release') leases.splice(pick % Math.max(1, leases.length), 1)[0]?.dispose();
          if (kind === 'wait') await breathe();
        }
        const codes = await Promise.all(pending);
        expect(codes).not.toContain('other');
        for (const lease of leases) lease.dispose();
        for (const { name: left } of tried.list()) {
          await tried.pins.unpinName(left);
          await tried.unload(left);
        }
        tried.dispose();
        await breathe();
        expect(own.alive).toBe(0);
      }),
    );
  });
});
