import { describe, expect, it } from 'vitest';
import { readRolloutOptions } from '../routing/index.ts';
import { rolloutSteps } from './rollout-steps.ts';

describe('steps of a roll-out, as words', () => {
  it('are shadow and shares, with times and calls', () => {
    expect(rolloutSteps.parse('shadow,10%,100%')).toEqual([{ mirror: 0.1 }, { share: 0.1 }, { share: 1 }]);
    expect(rolloutSteps.parse('shadow=50%:30s, 2.5%:5m:500, 100%:1h')).toEqual([
      { mirror: 0.5, minimumMs: 30_000 },
      { share: 0.025, minimumMs: 300_000, minimumSamples: 500 },
      { share: 1, minimumMs: 3_600_000 },
    ]);
  });

  it('are those of a roll-out that says nothing, by default', () => {
    expect(readRolloutOptions({ steps: rolloutSteps.parse('shadow,10%,100%') })).toEqual(readRolloutOptions());
  });

  it('may be objects in a settings file', () => {
    expect(rolloutSteps.parse([{ mirror: 1 }, { share: 1 }])).toEqual([{ mirror: 1 }, { share: 1 }]);
  });

  it.each(['', 'shadow;10%', '10', 'shade', '10%:5', '10%:5d', '10%::5', 'shadow=%', '100%:5m:x'])(
    'are refused as %j, with an example',
    (text) => {
      expect(rolloutSteps.safeParse(text).success).toBe(false);
    },
  );
});
