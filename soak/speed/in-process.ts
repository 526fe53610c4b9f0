import { EngineArena } from '../../src/engine/adapters/engine-arena.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openEngine } from '../../src/engine/index.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { openEnvironment } from '../../src/onnxruntime/index.ts';
import { AdapterRegistry } from '../../src/routing/index.ts';
import { tinyBase } from '../root.ts';

export interface InProcessTimes {
  /** Milliseconds of each move of a name to a resident version. */
  readonly moveMs: readonly number[];
  /** Leases of another resident version with its weights held, a second. */
  readonly leasesPerSecond: number;
  /** The same, with the weights copied to the arena's rows, in which there is room for half of the versions. */
  readonly copiesPerSecond: number;
  /** The same for versions whose weights are in the arena's rows. */
  readonly activationsPerSecond: number;
  /** Requests of one token, each for another version than the last, a second. */
  readonly requestsPerSecond: number;
}

export interface InProcessAmounts {
  readonly moves: number;
  readonly selections: number;
  readonly requests: number;
}

const resident = 64;
/** So many have rows in the arena at once. */
const active = 16;
const clients = 16;

/** Times of a registry with 64 resident versions over an engine on the tiny base. */
export async function measureInProcess({ moves, selections, requests }: InProcessAmounts): Promise<InProcessTimes> {
  const environment = openEnvironment({ threads: 1 });
  const base = await openBaseModel(tinyBase);
  const engine = await openEngine({ base, environment, maxSlots: clients });
  const { arena } = engine;
  if (!(arena instanceof EngineArena)) throw new TypeError('the engine has no arena');
  const registry = new AdapterRegistry(arena, { memory: 2 ** 32 });
  try {
    const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
    const digests: string[] = [];
    for (let i = 0; i < resident; i++) {
      const { digest } = await registry.load(`v${i}`, createRandomAdapter({ linears, rank: 8, seed: i }));
      digests.push(digest);
    }
    await registry.point('policy', digests[0] ?? '');
    const moveMs: number[] = [];
    for (let i = 1; i <= moves; i++) {
      const began = performance.now();
      await registry.point('policy', digests[i % resident] ?? '');
      moveMs.push(performance.now() - began);
    }
    const leasesPerSecond = await rate(selections, 1, async (i) => {
      using lease = registry.acquire(`v${i % resident}`);
      using _ = await lease.hold();
    });
    const activate = async (version: number): Promise<void> => {
      using lease = registry.acquire(`v${version}`);
      const claim = arena.claim([{ lease, scale: 1 }]);
      await claim.activate();
      claim.release();
    };
    const copiesPerSecond = await rate(selections / 10, 1, (i) => activate(i % resident));
    const activationsPerSecond = await rate(selections, 1, (i) => activate(i % active));
    const requestsPerSecond = await rate(requests, clients, async (i) => {
      using lease = registry.acquire(`v${i % resident}`);
      const request = { tokens: [5, 17, 99], maxTokens: 1, stopTokenIds: [], adapters: [{ lease, scale: 1 }] };
      for await (const _ of engine.generate(request));
    });
    return { moveMs, leasesPerSecond, copiesPerSecond, activationsPerSecond, requestsPerSecond };
  } finally {
    await engine.dispose();
    registry.dispose();
    environment.dispose();
  }
}

/** Does something many times, by so many at once. @returns times a second */
async function rate(count: number, atOnce: number, act: (turn: number) => Promise<void>): Promise<number> {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let turn = next++; turn < count; turn = next++) await act(turn);
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, one));
  return (1000 * count) / (performance.now() - began);
}
