import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, breathe, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { adapterOf, FakeArena, FakeFiles, type FakeWeights, knownOf } from '../testing/fake-arena.ts';
import { AdapterRegistry } from './adapter-registry.ts';
import type { AdoptedVersion } from './known-version.ts';

let arena: FakeArena;
let registry: AdapterRegistry<FakeWeights>;
beforeEach(() => {
  arena = new FakeArena();
  registry = new AdapterRegistry(arena, { memory: 100 });
});
afterEach(() => registry.dispose());

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (EspalierError.isInstance(error) ? error.code : String(error)),
  );
}

/** A version in a folder of a store. */
function stored(digest: string): AdoptedVersion {
  const files = new FakeFiles(digest);
  return knownOf(files, { source: { path: digest, isImmutable: true, read: () => files.read() } });
}

const version = (name = 'policy'): string | undefined => registry.info(name).version;
const history = (name = 'policy'): string[] => registry.info(name).history.map((move) => move.version);

describe('roll-back', () => {
  it('goes to the version before in one call, with who did it and why, and reads nothing that a store holds', async () => {
    const seen: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => void seen.push(event));
    for (const digest of ['a', 'b', 'c']) await registry.adopt('policy', stored(digest));
    const cause = { actor: 'eve', reason: 'answers are wrong' };
    await registry.rollback('policy', { cause, expectedVersion: 'c' });
    expect([version(), history(), arena.prepared.length]).toEqual(['b', ['b', 'c', 'b', 'a'], 0]);
    expect(registry.info('policy').history[0]).toMatchObject(cause);
    expect(seen.findLast(({ event }) => event === 'rollback')).toMatchObject({ version: 'b', previous: 'c', ...cause });
    await registry.rollback('policy');
    expect(version()).toBe('a');
    expect(await codeOf(registry.rollback('policy'))).toBe('ADAPTER_NO_EARLIER_VERSION');
    await registry.rollback('policy', { to: 'c' });
    using lease = registry.acquire('policy');
    using hold = await lease.hold();
    expect(hold.weights.digest).toBe('c');
  });

  it('moves nothing when the version has it already, is unknown, or is not the one that was expected', async () => {
    await registry.adopt('policy', stored('a'));
    await registry.adopt('policy', stored('b'));
    await registry.rollback('policy', { to: 'b' });
    expect(history()).toEqual(['b', 'a']);
    expect(await codeOf(registry.rollback('policy', { to: 'z' }))).toBe('ADAPTER_VERSION_UNKNOWN');
    expect(await codeOf(registry.rollback('policy', { expectedVersion: 'a' }))).toBe('ADAPTER_VERSION_CONFLICT');
    expect(await codeOf(registry.rollback('other'))).toBe('ADAPTER_NOT_FOUND');
    expect(version()).toBe('b');
  });

  it('reads files that may have changed, and refuses to move where they have', async () => {
    const files = new FakeFiles('folder', 'first');
    await registry.load('policy', files);
    files.content = 'second';
    await registry.replace('policy', files);
    expect(await codeOf(registry.rollback('policy'))).toBe('ADAPTER_SOURCE_CHANGED');
    expect([version(), arena.prepared.length]).toEqual(['second', 2]);
    files.content = 'first';
    await registry.rollback('policy');
    expect([version(), files.reads, arena.prepared.length]).toEqual(['first', 4, 3]);
  });

  it('opens the tokenizer of the version to which it goes', async () => {
    const opened: string[] = [];
    const withTokenizer = (digest: string): AdoptedVersion => ({
      ...stored(digest),
      openTokenizer: async () => {
        opened.push(digest);
        return undefined;
      },
    });
    await registry.adopt('policy', withTokenizer('a'));
    await registry.adopt('policy', withTokenizer('b'));
    await registry.rollback('policy');
    expect(opened).toEqual(['a', 'b', 'a']);
  });

  it('keeps no adapter in memory for its history', async () => {
    await registry.load('policy', adapterOf('first'));
    await registry.replace('policy', adapterOf('second'));
    expect(await codeOf(registry.rollback('policy'))).toBe('ADAPTER_VERSION_UNKNOWN');
    expect([version(), arena.alive, registry.versions().length]).toEqual(['second', 6, 1]);
  });

  it('keeps as many moves as it is told', async () => {
    registry = new AdapterRegistry(arena, { memory: 100, history: 3 });
    for (const digest of ['a', 'b', 'c', 'd']) await registry.adopt('policy', stored(digest));
    expect(history()).toEqual(['d', 'c', 'b']);
    expect(await codeOf(registry.rollback('policy', { to: 'a' }))).toBe('ADAPTER_VERSION_UNKNOWN');
  });
});

describe('point', () => {
  it('gives a version of one name to another, and to no name a version that is unknown', async () => {
    await registry.adopt('candidate', stored('good'));
    await registry.point('policy', 'good', { cause: { actor: 'eve' } });
    await registry.point('policy', 'good');
    expect([version(), history(), registry.versions().length]).toEqual(['good', ['good'], 1]);
    expect(await codeOf(registry.point('new', 'bad'))).toBe('ADAPTER_VERSION_UNKNOWN');
    expect(registry.has('new')).toBe(false);
    expect(await codeOf(registry.point('new', 'good', { expectedVersion: 'x' }))).toBe('ADAPTER_NOT_FOUND');
  });

  it('gives a name a version of its own history', async () => {
    await registry.adopt('policy', stored('a'));
    await registry.adopt('policy', stored('b'));
    await registry.point('policy', 'a', { expectedVersion: 'b' });
    expect(history()).toEqual(['a', 'b', 'a']);
  });
});

describe('a pinned name', () => {
  beforeEach(async () => {
    await registry.adopt('policy', stored('a'));
    await registry.adopt('policy', stored('b'));
  });

  it('is neither moved nor removed, until it is unpinned', async () => {
    await registry.pins.pinName('policy', { cause: { actor: 'eve', reason: 'audit' }, expectedVersion: 'b' });
    const codes = [
      registry.replace('policy', adapterOf('c')),
      registry.put('policy', adapterOf('c')),
      registry.adopt('policy', stored('c')),
      registry.point('policy', 'a'),
      registry.rollback('policy'),
      registry.unload('policy'),
    ].map(codeOf);
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['ADAPTER_PINNED']));
    expect([version(), history(), registry.info('policy').pin?.reason]).toEqual(['b', ['b', 'a'], 'audit']);
    await registry.adopt('policy', stored('b'));
    await registry.pins.unpinName('policy');
    await registry.rollback('policy');
    expect(version()).toBe('a');
  });

  it('keeps the weights of its version in memory if it is told to', async () => {
    registry = new AdapterRegistry(arena, { memory: 4 });
    await registry.adopt('policy', stored('a'));
    await registry.pins.pinName('policy', { keepsWeights: true });
    expect(registry.info('policy').isResident).toBe(true);
    await registry.load('large', adapterOf('four'));
    expect([registry.info('policy').isResident, registry.info('large').isResident]).toEqual([true, false]);
    await registry.pins.pinName('policy');
    await registry.load('other', adapterOf('xxxx'));
    expect(registry.info('policy').isResident).toBe(false);
    expect(await codeOf(registry.replace('policy', adapterOf('c')))).toBe('ADAPTER_PINNED');
  });

  it('must have a version', async () => {
    registry.announce('late', new FakeFiles('late'));
    expect(await codeOf(registry.pins.pinName('late'))).toBe('ADAPTER_BEING_READ');
    expect(await codeOf(registry.pins.pinName('none'))).toBe('ADAPTER_NOT_FOUND');
    expect(await codeOf(registry.pins.pinName('policy', { expectedVersion: 'a' }))).toBe('ADAPTER_VERSION_CONFLICT');
  });
});

describe('a pinned version', () => {
  it('is kept without a name, with its weights, until it is unpinned', async () => {
    await registry.adopt('policy', stored('a'));
    await Promise.all([registry.pins.pinVersion('a'), registry.pins.pinVersion('a')]);
    await registry.pins.pinName('policy', { keepsWeights: true });
    await registry.pins.unpinName('policy');
    await registry.unload('policy');
    expect([registry.versions().length, arena.alive, arena.prepared.length]).toEqual([1, 1, 1]);
    registry.pins.unpinVersion('a');
    registry.pins.unpinVersion('a');
    await breathe();
    expect([registry.versions().length, arena.alive]).toEqual([0, 0]);
  });

  it('is not pinned where it cannot be read, is unknown, or leaves no room', async () => {
    registry = new AdapterRegistry(arena, { memory: 4 });
    await registry.adopt('gone', knownOf(new FakeFiles('gone', new Error('gone')), { digest: 'x' }));
    expect(await codeOf(registry.pins.pinVersion('x'))).toBe('Error: gone');
    expect(await codeOf(registry.pins.pinVersion('none'))).toBe('ADAPTER_VERSION_UNKNOWN');
    await registry.adopt('large', stored('large'));
    expect(await codeOf(registry.pins.pinName('large', { keepsWeights: true }))).toBe('ADAPTER_PINS_FULL');
    expect(registry.info('large').pin).toBeUndefined();
    await registry.unload('gone');
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['large']);
  });
});

describe('draining', () => {
  beforeEach(() => registry.adopt('policy', stored('a')));

  it('refuses new requests for a name at once, and ends with the last that has begun', async () => {
    await registry.adopt('other', stored('a'));
    const [lease, elsewhere] = [registry.acquire('policy'), registry.acquire('other')];
    const share = lease.share();
    const drained = registry.drains.drainName('policy', { cause: { actor: 'eve' } });
    expect(() => registry.acquire('policy')).toThrow('is being drained and takes no new requests. Try again in 5 s');
    expect(await codeOf(registry.lease('policy'))).toBe('ADAPTER_DRAINING');
    using _ = registry.acquire('other');
    lease.dispose();
    const first = await Promise.race([drained, breathe().then(() => 'waits')]);
    share.dispose();
    expect([first, await drained, registry.info('policy').isDraining]).toEqual(['waits', true, true]);
    elsewhere.dispose();
    registry.drains.resumeName('policy');
    registry.acquire('policy').dispose();
  });

  it('ends without the last request when the name is resumed, or when the caller gives up', async () => {
    using lease = registry.acquire('policy');
    const drained = registry.drains.drainName('policy');
    const controller = new AbortController();
    const given = registry.drains.drainName('policy', { signal: controller.signal });
    controller.abort(new Error('enough'));
    expect(await codeOf(given)).toBe('Error: enough');
    registry.drains.resumeName('policy');
    expect([await drained, lease.version.digest]).toEqual([false, 'a']);
  });

  it('goes on when the name moves, and ends when the name is removed and its requests have ended', async () => {
    const lease = registry.acquire('policy');
    const drained = registry.drains.drainName('policy');
    await registry.adopt('policy', stored('b'));
    expect(() => registry.acquire('policy')).toThrow(expect.objectContaining({ code: 'ADAPTER_DRAINING' }));
    await registry.unload('policy');
    await registry.adopt('policy', stored('c'));
    using _ = registry.acquire('policy');
    lease.dispose();
    expect(await drained).toBe(true);
  });

  it('refuses new requests for a version under every name', async () => {
    await registry.adopt('other', stored('a'));
    await registry.adopt('third', stored('b'));
    const lease = registry.acquire('policy');
    const drained = registry.drains.drainVersion('a');
    for (const name of ['policy', 'other']) {
      expect(() => registry.acquire(name)).toThrow(expect.objectContaining({ code: 'ADAPTER_DRAINING' }));
    }
    registry.acquire('third').dispose();
    lease.dispose();
    expect(await drained).toBe(true);
    registry.drains.resumeVersion('a');
    registry.acquire('other').dispose();
    expect(await codeOf(registry.drains.drainVersion('none'))).toBe('ADAPTER_VERSION_UNKNOWN');
  });
});

describe('a trial', () => {
  it('keeps a version without a name, and a name that adopts it does not read it again', async () => {
    const files = new FakeFiles('store/abc', 'abc');
    const trial = await registry.trial('policy', files);
    expect([registry.has('policy'), trial.lease.version.digest, arena.alive]).toEqual([false, 'abc', 3]);
    await registry.adopt('policy', knownOf(files));
    trial[Symbol.dispose]();
    trial[Symbol.dispose]();
    using lease = registry.acquire('policy');
    (await lease.hold()).dispose();
    expect([files.reads, arena.prepared.length, arena.alive]).toEqual([1, 1, 3]);
  });

  it('forgets a version that nobody adopts', async () => {
    {
      using trial = await registry.trial('policy', new FakeFiles('store/abc', 'abc'));
      expect(registry.versions().map(({ digest }) => digest)).toEqual([trial.lease.version.digest]);
    }
    expect([registry.versions(), arena.alive, arena.forgotten]).toEqual([[], 0, ['abc']]);
  });
});
