import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FakeArena, FakeWeights } from '../testing/fake-arena.ts';
import { follows, limits } from '../testing/registry-comparison.ts';
import { AdapterRegistry } from './adapter-registry.ts';
import type { AdapterLease, AdapterVersion } from './adapter-version.ts';
import type { RollbackOptions } from './change-options.ts';
import type { AdoptedVersion } from './known-version.ts';

class MovesWithoutLooking extends AdapterRegistry<FakeWeights> {
  override adopt(name: string, known: AdoptedVersion): Promise<AdapterVersion> {
    return super.adopt(name, known);
  }
}

class TogglesBetweenTwo extends AdapterRegistry<FakeWeights> {
  override rollback(name: string, options: RollbackOptions = {}): Promise<AdapterVersion> {
    const last = this.has(name) ? this.info(name).history[1]?.version : undefined;
    return super.rollback(name, { ...options, to: options.to ?? last });
  }
}

class LosesLeases extends AdapterRegistry<FakeWeights> {
  override acquire(name: string): AdapterLease<FakeWeights> {
    const lease = super.acquire(name);
    lease.dispose();
    return lease;
  }
}

class AnswersWithAnother extends AdapterRegistry<FakeWeights> {
  override acquire(name: string): AdapterLease<FakeWeights> {
    using _ = super.acquire(name);
    return super.acquire(this.list()[0]?.name ?? name);
  }
}

class ForgetsPins extends AdapterRegistry<FakeWeights> {
  constructor(arena: FakeArena) {
    super(arena, limits);
    this.pins.pinName = () => Promise.resolve();
  }
}

class KeepsNoWeights extends AdapterRegistry<FakeWeights> {
  constructor(arena: FakeArena) {
    super(arena, limits);
    const pinVersion = this.pins.pinVersion.bind(this.pins);
    this.pins.pinVersion = async (digest) => {
      await pinVersion(digest);
      this.pins.unpinVersion(digest);
    };
  }
}

class DrainsNothing extends AdapterRegistry<FakeWeights> {
  constructor(arena: FakeArena) {
    super(arena, limits);
    this.drains.assertTaking = () => undefined;
  }
}

describe('the registry, beside its oracle', () => {
  it('has the same state after every step of any history', async () => {
    const followed = follows((arena) => new AdapterRegistry(arena, limits));
    await expect(fc.assert(followed, { numRuns: 100 })).resolves.toBeUndefined();
  });

  it.each([
    MovesWithoutLooking,
    TogglesBetweenTwo,
    LosesLeases,
    AnswersWithAnother,
    ForgetsPins,
    KeepsNoWeights,
    DrainsNothing,
  ])('differs from a registry that is wrong: %o', async (Wrong) => {
    const { failed } = await fc.check(
      follows((arena) => new Wrong(arena, limits)),
      { numRuns: 300, seed: 7, endOnFailure: true },
    );
    expect(failed).toBe(true);
  });
});
