import { describe, expect, it } from 'vitest';
import { defects, harmless, simulateRollout } from '../testing/rollout-simulation.ts';

describe('a simulated roll-out', () => {
  it('promotes a harmless candidate', () => {
    const phases = Array.from({ length: 5 }, (_, seed) => simulateRollout(harmless, { seed }).phase.kind);
    expect(phases).toEqual(phases.map(() => 'promoted'));
  });

  it.each(Object.entries(defects))('rolls back a candidate that %s', (_, defect) => {
    expect(simulateRollout(defect.model, { seed: 1 }).phase.kind).toBe('failed');
  });

  it.each(Object.entries(defects))(
    'would promote one that %s, if nothing looked at that',
    (_, { model, blind, unseen }) => {
      const { phase } = simulateRollout({ ...model, ...unseen }, { seed: 1, limits: { ...blind } });
      expect(phase.kind).toBe('promoted');
    },
  );
});
