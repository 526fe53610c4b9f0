/** Part of `npm run fuzz`: simulated roll-outs, by the seed in FUZZ_SEED (default: that of the day), as many as ROLLOUTS says. */
import { describe, expect, it } from 'vitest';
import { defects, harmless, simulateRollout, type Simulated } from '../../src/routing/testing/rollout-simulation.ts';

const count = Number(process.env['ROLLOUTS'] ?? 500);
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const seeds = (many: number): readonly number[] => Array.from({ length: many }, (_, i) => seed * 10_000 + i);

function tell(name: string, ended: readonly Simulated[], kind: Simulated['phase']['kind']): number {
  const share = ended.filter(({ phase }) => phase.kind === kind).length / ended.length;
  const middle = (of: (one: Simulated) => number): number =>
    ended.map(of).toSorted((a, b) => a - b)[ended.length >> 1] ?? 0;
  const largest = (of: (one: Simulated) => number): number => Math.max(...ended.map(of));
  process.stdout.write(
    `${name}: ${ended.length} roll-outs, ${(100 * share).toFixed(1)} % ${kind}; calls of the candidate: ` +
      `median ${middle((one) => one.candidateCalls)}, most ${largest((one) => one.candidateCalls)}; ` +
      `failed answers: most ${largest((one) => one.failedAnswers)}; ` +
      `simulated time: median ${Math.round(middle((one) => one.ms) / 1000)} s, most ${Math.round(largest((one) => one.ms) / 1000)} s; ` +
      `steps ${[...new Set(ended.map(({ step }) => step))].toSorted().join(', ')}\n`,
  );
  return share;
}

describe(`simulated roll-outs with seed ${seed}`, () => {
  it(`promote at least 99 % of ${count} harmless candidates`, () => {
    const ended = seeds(count).map((one) => simulateRollout(harmless, { seed: one }));
    expect(tell('harmless', ended, 'promoted')).toBeGreaterThanOrEqual(0.99);
  });

  it.each(Object.entries(defects))('roll back a candidate that %s', (name, defect) => {
    const ended = seeds(Math.ceil(count / 10)).map((one) => simulateRollout(defect.model, { seed: one }));
    expect(tell(name, ended, 'failed')).toBe(1);
  });
});
