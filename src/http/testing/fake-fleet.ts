import type { Fleet, FleetStatus } from '../../fleet/index.ts';

/** A fleet that has applied nothing and takes nothing. */
export function fakeFleet(): Fleet {
  const facts = {
    source: undefined,
    applied: undefined,
    head: undefined,
    refused: undefined,
    unreachable: undefined,
    lookingSeconds: undefined,
    paused: undefined,
    ageSeconds: undefined,
    problem: undefined,
  };
  const status: FleetStatus = { ...facts, sync: 'none', rows: [] };
  const nothing = { rows: [], unpins: [], moves: [], pins: [], fallbacks: [], rollouts: [] };
  return {
    facts: () => facts,
    status: async () => status,
    diff: async () => ({ plan: nothing, missing: [] }),
    apply: async () => ({ plan: nothing }),
    pause: async () => undefined,
    resume: async () => undefined,
  } as unknown as Fleet;
}
