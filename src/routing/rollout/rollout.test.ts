import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { CallOutcome } from './call-outcome.ts';
import type { Comparison } from './request-comparison.ts';
import type { RolloutOptions } from './rollout-settings.ts';
import { Rollout, type RolloutChange, type Side } from './rollout.ts';

const subject = { id: 'r1', alias: 'a', stable: 'old', candidate: 'new' };
const same: Comparison = { positions: 8, divergence: 0, agreement: 1, stableEntropy: 1, candidateEntropy: 1 };
const short: RolloutOptions = {
  steps: [
    { mirror: 0.5, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
    { share: 0.1, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
    { share: 1, minimumSamples: 20, minimumMs: 1000, maximumMs: 60_000 },
  ],
  // With so few samples, only such limits can be shown to be kept.
  limits: { errorIncrease: 0.5, divergence: 5 },
};

interface World {
  readonly rollout: Rollout;
  readonly changes: RolloutChange[];
  now: number;
}

function start(options: RolloutOptions = short): World {
  const changes: RolloutChange[] = [];
  const rollout = Rollout.start(subject, { ...options, now: 0, onChange: (change) => changes.push(change) });
  return { rollout, changes, now: 0 };
}

function mirror(world: World, count: number, outcome: CallOutcome = 'success', comparison = same): void {
  for (let i = 0; i < count; i++) {
    const call = { outcome, hasStableFailed: false, comparison: outcome === 'success' ? comparison : undefined };
    world.rollout.recordMirrored(call, (world.now += 10));
  }
}

function answer(world: World, side: Side, count: number, outcome: CallOutcome = 'success', latencyMs = 10): void {
  for (let i = 0; i < count; i++) world.rollout.recordAnswer(side, { outcome, latencyMs }, (world.now += 10));
}

/** Answers of both versions in turns. */
function answerBoth(world: World, count: number, slowness = 1, load = 1): void {
  for (let i = 0; i < count; i++) {
    answer(world, 'stable', 1, 'success', (10 + (i % 7)) * load);
    answer(world, 'candidate', 1, 'success', (10 + ((i * 3) % 7)) * slowness * load);
  }
}

/** Leads to the second step. */
function shadowed(options?: RolloutOptions): World {
  const world = start(options);
  answer(world, 'stable', 200);
  mirror(world, 150);
  return world;
}

const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
const answeredByCandidate = ({ rollout }: World): readonly string[] =>
  keys.filter((key) => rollout.assign(key).answers === 'candidate');

describe('a roll-out', () => {
  it('goes through shadow, a tenth and all, and is promoted', () => {
    const world = shadowed();
    answerBoth(world, 100);
    answer(world, 'candidate', 100);
    expect(world.changes.map(({ phase, step }) => `${phase.kind} ${step}`)).toEqual([
      'running 1',
      'running 2',
      'promoted 2',
    ]);
    expect(world.rollout.assign('any')).toEqual({ answers: 'candidate', isMirrored: false });
  });

  it('shows no answer of the candidate in shadow, and mirrors the share of requests', () => {
    const { rollout } = start();
    const assigned = keys.map((key) => rollout.assign(key));
    expect(assigned.filter(({ answers }) => answers === 'candidate')).toEqual([]);
    const mirrored = assigned.filter(({ isMirrored }) => isMirrored).length / keys.length;
    expect(mirrored).toBeGreaterThan(0.45);
    expect(mirrored).toBeLessThan(0.55);
  });

  it('answers the same keys by the candidate as long as the step lasts, and those too in the next', () => {
    const world = shadowed({
      ...short,
      steps: [{ mirror: 1, minimumMs: 0, minimumSamples: 20 }, { share: 0.1 }, { share: 0.5 }, { share: 1 }],
    });
    const tenth = answeredByCandidate(world);
    expect(tenth.length).toBeGreaterThan(60);
    expect(tenth.length).toBeLessThan(140);
    expect(answeredByCandidate(world)).toEqual(tenth);
    world.now += 60_000;
    answerBoth(world, 300);
    expect(world.rollout.toJSON().step).toBe(2);
    const half = new Set(answeredByCandidate(world));
    expect([half.size > 400, tenth.every((key) => half.has(key))]).toEqual([true, true]);
  });

  it('assigns requests without a key one by one', () => {
    const world = shadowed();
    const sides = keys.map(() => world.rollout.assign().answers);
    expect(sides.filter((side) => side === 'candidate').length).toBeGreaterThan(60);
    expect(sides.filter((side) => side === 'candidate').length).toBeLessThan(140);
  });

  it('does not end a step before its time, or with too few samples', () => {
    const early = start({ ...short, steps: [{ mirror: 1, minimumMs: 10_000, minimumSamples: 20 }, { share: 1 }] });
    answer(early, 'stable', 200);
    mirror(early, 500);
    expect(early.rollout.toJSON().step).toBe(0);
    mirror(early, 500);
    expect(early.rollout.toJSON().step).toBe(1);
    const few = start({ ...short, steps: [{ mirror: 1, minimumMs: 0, minimumSamples: 100 }, { share: 1 }] });
    answer(few, 'stable', 200);
    mirror(few, 99);
    expect(few.rollout.toJSON().step).toBe(0);
    mirror(few, 1);
    expect(few.rollout.toJSON().step).toBe(1);
  });

  it.each<CallOutcome>(['not-finite', 'incompatible'])('rolls back at the first call that ends as %s', (outcome) => {
    const world = start();
    mirror(world, 1, outcome);
    expect(world.rollout.phase.kind).toBe('failed');
    expect(world.rollout.assign('any')).toEqual({ answers: 'stable', isMirrored: false });
  });

  it('rolls back at the fifth failure of its last 20 calls', () => {
    const world = shadowed();
    answer(world, 'candidate', 4, 'failure');
    expect(world.rollout.phase.kind).toBe('running');
    answer(world, 'candidate', 15);
    answer(world, 'candidate', 1, 'failure');
    expect(world.rollout.phase).toEqual({ kind: 'failed', reason: '5 of its last 20 calls failed' });
  });

  it('does not blame the candidate while the stable version fails as well, or on the same requests', () => {
    const world = shadowed();
    answer(world, 'stable', 5, 'failure');
    answer(world, 'candidate', 5, 'failure');
    expect(world.rollout.phase.kind).toBe('running');
    const shared = start();
    for (let i = 0; i < 9; i++) shared.rollout.recordMirrored({ outcome: 'failure', hasStableFailed: true }, 10);
    expect(shared.rollout.phase.kind).toBe('running');
  });

  it('says by what it failed', () => {
    const world = start();
    answer(world, 'stable', 20);
    mirror(world, 60, 'success', { ...same, divergence: 1000, agreement: 0 });
    const { phase } = world.rollout;
    expect(phase.kind === 'failed' && phase.reason).toMatch(/^divergence is 20 over 45 samples, the limit is 5/);
    const failed = world.changes.at(-1)?.arbitration?.findings.filter(({ verdict }) => verdict === 'failed');
    expect(failed?.map(({ metric }) => metric)).toContain('divergence');
  });

  it('is held where there is no verdict in time, goes on when told, and is held again', () => {
    const world = start();
    world.rollout.tick((world.now = 59_999));
    expect(world.rollout.phase.kind).toBe('running');
    world.rollout.tick((world.now = 60_000));
    expect(world.rollout.phase).toEqual({ kind: 'paused', reason: 'no verdict in time' });
    world.rollout.tick((world.now = 500_000));
    world.rollout.resume(world.now);
    world.rollout.tick(558_999);
    expect(world.rollout.phase.kind).toBe('running');
    world.rollout.tick(559_001);
    expect(world.rollout.phase.kind).toBe('paused');
  });

  it('keeps its share while it is paused, mirrors nothing, and still rolls back at once', () => {
    const world = shadowed();
    const before = answeredByCandidate(world);
    world.rollout.pause('a person looks', world.now);
    expect(answeredByCandidate(world)).toEqual(before);
    const shadow = start();
    shadow.rollout.pause('a person looks', 0);
    expect(keys.some((key) => shadow.rollout.assign(key).isMirrored)).toBe(false);
    answer(world, 'candidate', 500);
    expect(world.rollout.phase.kind).toBe('paused');
    answer(world, 'candidate', 1, 'not-finite');
    expect(world.rollout.phase.kind).toBe('failed');
  });

  it('does not count the time of a pause', () => {
    const { rollout } = start();
    rollout.pause('a person looks', 500);
    rollout.tick(10_500);
    expect(rollout.toJSON().stepMs).toBe(500);
    rollout.resume(20_000);
    rollout.tick(20_100);
    expect(rollout.toJSON().stepMs).toBe(600);
  });

  it.each(['promote', 'abort', 'fail'] as const)('ends by %s, and nothing changes it after that', (how) => {
    const world = start();
    world.rollout[how]('told', 5);
    const phase = { kind: { promote: 'promoted', abort: 'aborted', fail: 'failed' }[how], reason: 'told' };
    expect(world.rollout.phase).toEqual(phase);
    mirror(world, 50, 'not-finite');
    answer(world, 'candidate', 50, 'failure');
    world.rollout.tick(1e9);
    for (const other of ['promote', 'abort', 'fail', 'pause'] as const) world.rollout[other]('again', 1e9);
    world.rollout.resume(1e9);
    expect([world.rollout.phase, world.changes.length]).toEqual([phase, 1]);
  });

  it('allows a divergence of the noise floor', () => {
    const kind = (noise: RolloutOptions['noise']): string => {
      const world = start({ ...short, limits: { errorIncrease: 0.5, divergence: 0.5 }, noise });
      answer(world, 'stable', 200);
      mirror(world, 400, 'success', { ...same, divergence: 0.8 });
      return `${world.rollout.phase.kind} ${world.rollout.toJSON().step}`;
    };
    expect([kind({}), kind({ divergence: 0.7 })]).toEqual(['failed 0', 'running 1']);
  });
});

describe('latency', () => {
  it('of answers is not held against a candidate that answers while the machine is busy', () => {
    const world = shadowed();
    answerBoth(world, 60, 1, 10);
    // The last step, in which nothing is left to compare with.
    answer(world, 'candidate', 100, 'success', 1000);
    expect(world.rollout.phase.kind).toBe('promoted');
  });

  it('of answers is held against a candidate that is slow at the same time', () => {
    const world = shadowed();
    answerBoth(world, 100, 2);
    expect(world.rollout.phase).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/^latency is 0\.7/) });
  });

  /** Whoever comes first takes three times as long. */
  const mirrorTimed = (slowness: number, firsts: readonly Side[], isOrderKnown = true): World => {
    const world = start({ ...short, steps: [{ mirror: 1, minimumSamples: 1000 }, { share: 1 }] });
    for (let i = 0; i < 200; i++) {
      const first = firsts[i % firsts.length] ?? 'stable';
      const msOf = (side: Side): number => (side === first ? 30 : 10) + (i % 3);
      const told: Side = isOrderKnown ? first : i % 2 === 0 ? 'stable' : 'candidate';
      const latencies = { stableMs: msOf('stable'), candidateMs: msOf('candidate') * slowness, first: told };
      world.rollout.recordMirrored({ outcome: 'success', hasStableFailed: false, latencies }, (world.now += 10));
    }
    return world;
  };

  it.each<readonly [string, readonly Side[]]>([
    ['in turns', ['stable', 'candidate']],
    ['three times of four', ['candidate', 'candidate', 'stable', 'candidate']],
    ['always', ['candidate']],
  ])('of copies is not held against a candidate that comes first %s', (_, firsts) => {
    expect(mirrorTimed(1, firsts).rollout.phase.kind).toBe('running');
  });

  it('of copies is held against a slow candidate, whoever comes first', () => {
    for (const firsts of [
      ['stable', 'candidate'],
      ['candidate', 'stable', 'stable', 'stable'],
    ] as const) {
      const { phase } = mirrorTimed(1.5, firsts).rollout;
      expect(phase).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/^slowdown is 0\.4/) });
    }
  });

  it('of copies would be held against a harmless one, if nobody knew who came first', () => {
    expect(mirrorTimed(1, ['candidate'], false).rollout.phase.kind).toBe('failed');
  });
});

describe('a roll-out that is resumed', () => {
  it('does not count the time between', () => {
    const world = start();
    world.rollout.tick(500);
    const resumed = Rollout.resume(world.rollout.toJSON(), { now: 9_000_000 });
    resumed.tick(9_000_100);
    expect(resumed.toJSON().stepMs).toBe(600);
  });

  it('goes on with a file that does not say which version came first', () => {
    const { latency: _, ...state } = start().rollout.toJSON();
    const mean = { count: 30, mean: 1, squares: 0.1 };
    const resumed = Rollout.resume({ ...state, mirror: { ...state.mirror, slowdown: mean } }, { now: 0 });
    expect(resumed.toJSON()).toEqual(start().rollout.toJSON());
  });

  it.each<readonly [string, (state: Record<string, unknown>) => void, string]>([
    ['no object', (state) => void delete state['id'], 'id: '],
    ['a step that is not there', (state) => void (state['step'] = 3), 'there is no step 3'],
    ['a number that is none', (state) => void (state['stepMs'] = 'long'), 'stepMs: '],
    ['a format of the future', (state) => void (state['format'] = 2), 'format: '],
    ['one version twice', (state) => void (state['candidate'] = 'old'), 'it is the stable version'],
    [
      'settings out of range',
      (state) => void (state['settings'] = { steps: [], limits: {}, noise: {} }),
      'from 1 to 20 steps',
    ],
  ])('refuses a state with %s', (_, damage, problem) => {
    const state = JSON.parse(JSON.stringify(start().rollout)) as Record<string, unknown>;
    damage(state);
    const resume = (): unknown => Rollout.resume(state, { now: 0 });
    expect(resume).toThrow(problem);
    expect(resume).toThrow(EspalierError);
  });
});

describe('options of a roll-out', () => {
  it.each<readonly [RolloutOptions, string]>([
    [{ steps: [] }, 'Expected from 1 to 20 steps for steps, got 0.'],
    [{ steps: [{ share: 0.5 }] }, 'Expected a last step with the share 1 for steps, got 0.5.'],
    [{ steps: [{ share: 1 }] }, 'Expected a first step with a share below 1 for steps, got 1.'],
    [{ steps: [{ share: 0.5 }, { share: 0.2 }, { share: 1 }] }, 'shares that never become smaller'],
    [{ steps: [{}, { share: 1 }] }, 'Expected a share or a mirrored share above 0 for steps[0], got neither.'],
    [{ steps: [{ mirror: 1 }, { share: 1, mirror: 0.5 }] }, 'for steps[1].mirror, got 0.5.'],
    [
      { steps: [{ mirror: 1, maximumMs: 5 }, { share: 1 }] },
      'Expected at least minimumMs (60000) for steps[0].maximumMs, got 5.',
    ],
    [{ limits: { hardWindow: 4 } }, 'Expected at least hardFailures (5) for hardWindow, got 4.'],
    [{ limits: { divergence: -1 } }, 'for divergence, got -1.'],
    [{ noise: { agreement: 2 } }, 'for agreement, got 2.'],
  ])('are refused: %j', (options, message) => {
    expect(() => start(options)).toThrow(message);
  });

  it('need two versions', () => {
    expect(() => Rollout.start({ ...subject, candidate: 'old' }, { now: 0 })).toThrow('got old.');
  });
});
