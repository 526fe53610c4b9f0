import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { HostWeights } from './adapter-arena.ts';
import { HostMemory, type WeightsHold } from './host-memory.ts';

class Weights implements HostWeights {
  readonly bytes: number;
  isDisposed = false;

  constructor(bytes = 1) {
    this.bytes = bytes;
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

let now = 0;
beforeEach(() => {
  now = 0;
});
const clock = { now: () => now };
const thirtySeconds = 30_000;

function memoryOf(options: { limit?: number; maxCount?: number; stored?: (digest: string) => boolean }) {
  const { limit = 100, maxCount, stored = () => true } = options;
  return new HostMemory<Weights>({
    limit,
    maxCount,
    isNeeded: () => false,
    isStored: stored,
    idleMs: thirtySeconds,
    clock,
  });
}

const names = (memory: HostMemory<Weights>): string[] => [...memory.table()].map(({ version }) => version);

describe('weights that are not used', () => {
  it('are released 30 seconds after the end of the last use, not after its beginning', () => {
    const memory = memoryOf({});
    const hold = memory.keep('a', new Weights());
    now = 60_000;
    memory.releaseIdle();
    expect(names(memory)).toEqual(['a']);
    hold.dispose();
    now += thirtySeconds - 1;
    memory.releaseIdle();
    expect([...memory.table()]).toEqual([{ version: 'a', bytes: 1, holds: 0, idleMs: thirtySeconds - 1 }]);
    now += 1;
    memory.releaseIdle();
    expect([hold.weights.isDisposed, memory.used, memory.count]).toEqual([true, 0, 0]);
  });

  it('stay where they cannot be read again', () => {
    const memory = memoryOf({ stored: (digest) => digest !== 'given' });
    for (const digest of ['given', 'stored']) memory.keep(digest, new Weights()).dispose();
    now = 10 * thirtySeconds;
    memory.releaseIdle();
    expect(names(memory)).toEqual(['given']);
  });
});

describe('a limit on the number of versions', () => {
  it('drops what was used longest ago, and never what is held', () => {
    const memory = memoryOf({ maxCount: 2 });
    const a = memory.keep('a', new Weights());
    for (const digest of ['b', 'c', 'd']) memory.keep(digest, new Weights()).dispose();
    expect(names(memory)).toEqual(['a', 'd']);
    a.dispose();
    memory.offer('e', new Weights());
    expect(names(memory)).toEqual(['d', 'a']);
  });
});

interface Step {
  readonly kind: 'use' | 'end' | 'wait' | 'release';
  readonly digest: string;
  readonly ms: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('use', 'end', 'wait', 'release'),
    digest: fc.constantFrom('a', 'b', 'c', 'd'),
    ms: fc.integer({ min: 0, max: 20_000 }),
  }),
  { maxLength: 60 },
);

it('keeps through any order of uses exactly what was used in the last 30 seconds, and frees the rest once', () => {
  fc.assert(
    fc.property(steps, (history) => {
      now = 0;
      const memory = memoryOf({ limit: Infinity });
      const holds = new Map<string, WeightsHold<Weights>[]>();
      const lastUse = new Map<string, number>();
      const isHeld = (digest: string): boolean => (holds.get(digest) ?? []).length > 0;
      for (const { kind, digest, ms } of history) {
        if (kind === 'wait') now += ms;
        if (kind === 'use') {
          const hold = memory.hold(digest) ?? memory.keep(digest, new Weights());
          holds.set(digest, [...(holds.get(digest) ?? []), hold]);
          lastUse.set(digest, now);
        }
        if (kind === 'end' && isHeld(digest)) {
          holds.get(digest)?.pop()?.dispose();
          lastUse.set(digest, now);
        }
        if (kind === 'release') {
          memory.releaseIdle();
          for (const [each, at] of lastUse) if (!isHeld(each) && now - at >= thirtySeconds) lastUse.delete(each);
        }
        expect(new Set(names(memory))).toEqual(new Set(lastUse.keys()));
        for (const each of holds.values()) for (const { weights } of each) expect(weights.isDisposed).toBe(false);
      }
    }),
    { numRuns: 500 },
  );
});
