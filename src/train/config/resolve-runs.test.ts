import { describe, expect, it } from 'vitest';
import { describesRuns, resolveRuns, resolveRunsOptions } from './resolve-runs.ts';

const shared = { base: 'model', data: 'rows.jsonl', output: 'out' };
const resolve = (values: Record<string, unknown>, flags: Record<string, unknown> = {}) =>
  resolveRuns({ file: { path: 'runs.yaml', values: { ...shared, ...values } }, flags });

describe('a settings file with runs', () => {
  it('is told from one with a single training', () => {
    expect([{ rank: 4 }, { runs: [] }, { sweep: {} }].map(describesRuns)).toEqual([false, true, true]);
  });

  it('gives each run the shared settings, its own, and those of the command line, in this order', () => {
    const { runs, report } = resolve(
      {
        'learning-rate': 1e-3,
        rank: 2,
        report: 'all.html',
        tensorboard: 'events',
        runs: [
          { name: 'small', learning_rate: 5e-4 },
          { rank: 16, output: 'elsewhere', data: 'other.jsonl', report: 'own.html' },
        ],
      },
      { epochs: '3', rank: '4' },
    );
    expect(report).toBe('all.html');
    expect(runs.map(({ name }) => name)).toEqual(['small', 'run-2']);
    expect(runs.map(({ config }) => config)).toMatchObject([
      { learningRate: 5e-4, rank: 4, epochs: 3, output: 'out/small', tensorboard: 'events/small', data: 'rows.jsonl' },
      { learningRate: 1e-3, rank: 4, epochs: 3, output: 'elsewhere', data: 'other.jsonl', report: 'own.html' },
    ]);
    expect(runs[0]?.config.report).toBeUndefined();
  });

  it('makes every combination of a sweep, called after its values', () => {
    const { runs } = resolve({ sweep: { rank: [4, 8], 'target-modules': ['q_proj', ['q_proj', 'v_proj']] } });
    expect(runs.map(({ name }) => name)).toEqual([
      'rank-4_target-modules-q_proj',
      'rank-4_target-modules-2',
      'rank-8_target-modules-q_proj',
      'rank-8_target-modules-2',
    ]);
    expect(runs.at(-1)?.config).toMatchObject({
      rank: 8,
      targetModules: ['q_proj', 'v_proj'],
      output: `out/${runs.at(-1)?.name}`,
    });
  });

  it.each([
    [{ runs: [{ rnak: 4 }] }, /runs\.yaml \(run run-1\) has "rnak".*rank/],
    [{ learninrate: 1, runs: [{ rank: 4 }] }, /has "learninrate".*learning-rate/],
    [{ sweep: { rnak: [4] } }, /sweep\) has "rnak".*rank/],
    [{ runs: [{ name: 'b', rank: 0 }] }, /rank expects.*got 0 \(in the run b\)/],
    [{ runs: [{ name: 'b', 'group-by-length': true, shuffle: false }] }, /contradict each other.*in the run b/],
    [{ runs: [] }, /runs expects a list of runs/],
    [{ runs: { rank: 4 } }, /runs expects a list of runs/],
    [{ runs: [3] }, /runs expects a list of mappings/],
    [{ runs: [{ name: '../up' }] }, /name expects letters/],
    [{ sweep: { rank: 4 } }, /sweep of rank expects a list/],
    [{ sweep: {} }, /sweep expects lists/],
    [{ runs: [{}], sweep: { rank: [1] } }, /runs and sweep contradict/],
    [{ sweep: { rank: Array.from({ length: 65 }, (_, i) => i + 1) } }, /at most 64/],
    [{ report: 3, runs: [{}] }, /report expects a path/],
  ])('is refused with the reason: %j', (values, message) => {
    expect(() => resolve(values)).toThrow(message);
  });

  it('is the same in code', () => {
    const { runs } = resolveRunsOptions({ ...shared, rank: 2, runs: [{ name: 'a' }, { name: 'b', rank: 4 }] });
    expect(runs.map(({ config }) => config.rank)).toEqual([2, 4]);
    expect(() => resolveRunsOptions({ ...shared, sweep: { rank: [1, 0] } })).toThrow(/in the run rank-0/);
  });
});
