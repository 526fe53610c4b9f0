import { describe, expect, it } from 'vitest';
import { type AdapterEvent, createRandom, onAdapterEvent } from '../../core/index.ts';
import { simulateRollout } from '../testing/rollout-simulation.ts';
import { NoiseRun } from './noise-run.ts';
import { NoiseRuns } from './noise-runs.ts';
import { RequestComparison } from './request-comparison.ts';
import type { MirroredCall } from './rollout.ts';

/** Rows of one distribution, each with noise of its own, as an arithmetic gives them that rounds roughly. */
function comparedWithItself(noise: number, seed: number): MirroredCall {
  const random = createRandom(seed, 'noise');
  const comparison = new RequestComparison();
  for (let position = 0; position < 4; position++) {
    const logits = Float32Array.from({ length: 16 }, () => 2 * random.normal());
    const noisy = (): Float32Array => logits.map((logit) => logit + noise * random.normal());
    comparison.add(noisy(), noisy());
  }
  return { outcome: 'success', hasStableFailed: false, comparison: comparison.result() };
}

function measured(noise: number, samples = 400): NoiseRun {
  const run = new NoiseRun('v1', { samples, share: 1 });
  for (let i = 0; i < samples; i++) run.record(comparedWithItself(noise, i));
  return run;
}

describe('the floor of an A/A run', () => {
  it('is next to nothing for a version that answers the same, as far as the samples go', () => {
    const { noise, observed } = measured(0, 20_000).floor('now');
    expect(observed).toEqual({ divergence: 0, agreement: 1, entropy: 0 });
    expect(noise.divergence).toBeLessThan(0.002);
    expect(noise.agreement).toBeGreaterThan(0.999);
  });

  it('is above what was seen, and falls with more samples', () => {
    const [few, many] = [measured(1, 100).floor('now'), measured(1, 2000).floor('now')];
    expect(many.observed.divergence).toBeGreaterThan(0.3);
    expect(many.observed.entropy).toBeGreaterThan(0.05);
    expect(many.noise.divergence).toBeGreaterThan(many.observed.divergence);
    expect(many.noise.entropy).toBeGreaterThan(many.observed.entropy);
    expect(many.noise.agreement).toBeLessThan(many.observed.agreement);
    expect(few.noise.divergence).toBeGreaterThan(many.noise.divergence);
  });

  it('lets a candidate pass that differs as the version differs from itself, and rolls it back without the floor', () => {
    const { noise } = measured(1, 2000).floor('now');
    const candidate = { noise: Math.SQRT2 };
    expect(simulateRollout(candidate, { seed: 1, noise }).phase.kind).toBe('promoted');
    expect(simulateRollout(candidate, { seed: 1 }).phase.kind).toBe('failed');
    expect(simulateRollout({ noise: 3 }, { seed: 1, noise }).phase.kind).toBe('failed');
  });

  it('takes the share of the requests that was asked for, and leaves out calls that failed', () => {
    const run = new NoiseRun('v1', { samples: 20, share: 0.25 });
    const taken = Array.from({ length: 12 }, () => run.takes());
    expect(taken.filter(Boolean)).toHaveLength(3);
    run.record({ outcome: 'failure', hasStableFailed: false });
    run.record({ ...comparedWithItself(0, 1), outcome: 'cancelled' });
    run.record({ outcome: 'success', hasStableFailed: true });
    expect([run.samples, run.failures]).toEqual([0, 2]);
  });

  it.each([{ samples: 19 }, { share: 0 }, { share: 1.5 }, { steps: 1 }])('refuses %o', (given) => {
    expect(() => new NoiseRun('v1', given)).toThrow(/sample|share|steps/);
  });
});

describe('the measurements of names', () => {
  const events: AdapterEvent[] = [];
  const sampled = (runs: NoiseRuns, count: number, version = 'v1'): void => {
    for (let i = 0; i < count; i++) runs.takes('a', version)?.recordMirrored(comparedWithItself(0, i));
  };

  it('end when enough was compared, are told, kept, and hold for their version only', async () => {
    events.length = 0;
    using _ = onAdapterEvent((event) => void (event.event === 'noise' && events.push(event)));
    let kept: unknown;
    const records = {
      read: () => Promise.resolve(kept),
      write: async (floors: object) => void (kept = JSON.parse(JSON.stringify(floors))),
    };
    const runs = new NoiseRuns({ records, now: () => 0 });
    runs.start('a', 'v1', { samples: 20, share: 1 }, { actor: 'key ops' });
    sampled(runs, 19);
    expect([runs.state('a').running?.samples, runs.floorOf('a', 'v1')]).toEqual([19, undefined]);
    sampled(runs, 5);
    expect(runs.state('a')).toMatchObject({ running: undefined, floor: { version: 'v1', samples: 20 } });
    await runs.settled();
    const again = new NoiseRuns({ records });
    await again.begin();
    expect(again.floorOf('a', 'v1')).toEqual(runs.floorOf('a', 'v1'));
    expect(again.floorOf('a', 'v2')).toBeUndefined();
    await again.forget('a');
    expect([again.state('a').floor, kept]).toEqual([undefined, {}]);
    expect(events.map(({ actor, details }) => [actor, details?.['samples'] ?? details])).toEqual([
      ['key ops', { wanted: 20 }],
      ['rollout', 20],
      ['rollout', { isForgotten: true }],
    ]);
  });

  it('end, and are told, when the name moves', () => {
    events.length = 0;
    using _ = onAdapterEvent((event) => void (event.event === 'noise' && events.push(event)));
    const runs = new NoiseRuns();
    runs.start('a', 'v1', { samples: 20, share: 1 });
    sampled(runs, 3);
    sampled(runs, 1, 'v2');
    expect(runs.state('a')).toEqual({ running: undefined, floor: undefined });
    expect(events.at(-1)?.error).toMatchObject({ code: 'NOISE_VERSION_GONE' });
  });

  it('begin anew where what was kept cannot be read, and say so', async () => {
    events.length = 0;
    using _ = onAdapterEvent((event) => void (event.event === 'noise' && events.push(event)));
    const runs = new NoiseRuns({ records: { read: async () => ({ a: 1 }), write: async () => undefined } });
    await runs.begin();
    expect(runs.state('a').floor).toBeUndefined();
    expect(events[0]?.result).toBe('failed');
  });
});
