import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeclaredAlias, DesiredFleet } from '../manifest/fleet.ts';
import { readFleet } from '../manifest/read-manifest.ts';
import { digestOf, facts, manifestOf } from '../testing/manifests.ts';
import { type Attempts, fleetActor, type LiveFleet, type LiveName } from './live-fleet.ts';
import { type FleetPlan, isNothing, planFleet } from './plan-fleet.ts';

const names = ['one', 'two', 'three', 'four'];
const digests = ['a', 'b', 'c'].map(digestOf);
const digest = fc.constantFrom(...digests);
const fallback = fc.constantFrom(undefined, 'previous' as const, 'base' as const, 'error' as const);

const declared = (name: string): fc.Arbitrary<DeclaredAlias> =>
  fc.record({
    name: fc.constant(name),
    digest,
    isProgressive: fc.boolean(),
    rolloutId: fc.constantFrom(undefined, '1', '2'),
    steps: fc.constant(undefined),
    canary: fc.constant(undefined),
    fallback,
    pin: fc.constantFrom('none' as const, 'name' as const, 'weights' as const),
    isRequired: fc.constant(false),
  });

const live = (name: string): fc.Arbitrary<LiveName> =>
  fc.record({
    name: fc.constant(name),
    version: fc.option(digest, { nil: undefined, freq: 8 }),
    pin: fc.option(fc.record({ by: fc.constantFrom(fleetActor, 'key ada'), keepsWeights: fc.boolean() }), {
      nil: undefined,
    }),
    fallback,
    rollout: fc.constant(undefined),
    changed: fc.constant(undefined),
  });

const someOf = <Value>(make: (name: string) => fc.Arbitrary<Value>): fc.Arbitrary<Map<string, Value>> =>
  fc
    .tuple(...names.map((name) => fc.option(make(name), { nil: undefined })))
    .map((list) => new Map(list.flatMap((one, at) => (one === undefined ? [] : [[names[at] ?? '', one] as const]))));

const desired: fc.Arbitrary<DesiredFleet> = fc.record({
  name: fc.constant('test'),
  aliases: someOf(declared),
  places: fc.constant(new Map()),
  keys: fc.constant([]),
  prune: fc.boolean(),
  allowEmpty: fc.constant(true),
});

/** What the server is after a plan, by rules of its own. A roll-out comes to its end at once. */
function after(plan: FleetPlan, { names: before }: LiveFleet): LiveFleet {
  const next = new Map(before);
  const set = (name: string, change: Partial<LiveName>): void => {
    const empty = {
      name,
      version: undefined,
      pin: undefined,
      fallback: undefined,
      rollout: undefined,
      changed: undefined,
    };
    next.set(name, { ...(next.get(name) ?? empty), ...change });
  };
  for (const name of plan.unpins) set(name, { pin: undefined });
  for (const { name, from, to } of plan.moves) {
    expect(next.get(name)?.version).toBe(from);
    expect(next.get(name)?.pin?.by).not.toBe(fleetActor);
    if (to === undefined) next.delete(name);
    else set(name, { version: to });
  }
  for (const { name, keepsWeights } of plan.pins) set(name, { pin: { by: fleetActor, keepsWeights } });
  for (const one of plan.fallbacks) set(one.name, { fallback: one.fallback });
  for (const action of plan.rollouts) {
    if (action.kind !== 'start') continue;
    // A pinned name cannot be rolled out.
    expect(next.get(action.name)?.pin?.by).not.toBe(fleetActor);
    set(action.name, { version: action.candidate });
  }
  return { names: next, rolledBack: [] };
}

describe('the plan of a fleet', () => {
  it('leads to what is declared, and is then none', () => {
    fc.assert(
      fc.property(desired, someOf(live), (wanted, now) => {
        const before: LiveFleet = { names: now, rolledBack: [] };
        const reached = after(planFleet(wanted, before), before);
        for (const [name, { digest: version }] of wanted.aliases)
          expect(reached.names.get(name)?.version).toBe(version);
        // A second round at most: a pin follows the roll-out that it would have held up.
        const again = after(planFleet(wanted, reached), reached);
        expect(isNothing(planFleet(wanted, again))).toBe(true);
        if (!wanted.prune) return;
        const extra = [...again.names.values()].filter(({ name }) => !wanted.aliases.has(name));
        expect(extra.filter(({ version }) => version !== undefined)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order of names, and touches no name that is not declared with prune: false', () => {
    fc.assert(
      fc.property(desired, someOf(live), (wanted, now) => {
        const plan = planFleet(wanted, { names: now, rolledBack: [] });
        const turned = { ...wanted, aliases: new Map([...wanted.aliases].toReversed()) };
        expect(planFleet(turned, { names: new Map([...now].toReversed()), rolledBack: [] })).toEqual(plan);
        if (wanted.prune) return;
        const touched = [...plan.moves, ...plan.pins, ...plan.fallbacks, ...plan.rollouts].map(({ name }) => name);
        for (const name of [...touched, ...plan.unpins]) expect(wanted.aliases.has(name)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

const [a, b] = [digestOf('a'), digestOf('b')];
const nothing = { pin: undefined, fallback: undefined, changed: undefined };
const at = (version: string, rollout?: LiveName['rollout']): LiveName => ({
  name: 'one',
  version,
  rollout,
  ...nothing,
});
const liveOf = (name: LiveName, back: readonly string[] = []): LiveFleet => ({
  names: new Map([[name.name, name]]),
  rolledBack: back.map((digestBack) => ({ name: 'one', digest: digestBack })),
});
const progressive = (id?: string): DesiredFleet => {
  const wanted = readFleet(manifestOf({ one: 'b' }), facts);
  const one = wanted.aliases.get('one');
  if (one === undefined) throw new TypeError('an alias is expected');
  return { ...wanted, aliases: new Map([['one', { ...one, isProgressive: true, rolloutId: id }]]) };
};
const running = { candidate: b, phase: 'running', reason: undefined, share: 0.1, heldAt: undefined } as const;
const failed = { ...running, phase: 'failed', reason: 'it failed' } as const;

describe('a roll-out in Git', () => {
  it('starts, goes on undisturbed, and is over when the name is there', () => {
    const started = planFleet(progressive(), liveOf(at(a)));
    expect(started.rollouts).toEqual([
      { kind: 'start', name: 'one', candidate: b, options: undefined, isAgain: false, id: undefined },
    ]);
    const going = planFleet(progressive(), liveOf(at(a, running)));
    expect([isNothing(going), going.rows[0]?.kind]).toEqual([true, 'progressing']);
    const over = planFleet(progressive(), liveOf(at(b, { ...running, phase: 'promoted' })));
    expect([isNothing(over), over.rows[0]?.kind]).toEqual([true, 'in_sync']);
  });

  it('stays rolled back until Git says another id', () => {
    const tried: Attempts = { one: { digest: b, id: '1' } };
    const back = planFleet(progressive('1'), liveOf(at(a, failed), [b]), tried);
    expect([isNothing(back), back.rows[0]?.kind, back.rows[0]?.note]).toEqual([true, 'rolled_back', 'it failed']);
    const again = planFleet(progressive('2'), liveOf(at(a, failed), [b]), tried);
    expect(again.rollouts).toMatchObject([{ kind: 'start', candidate: b, isAgain: true, id: '2' }]);
  });

  it('is not made to an immediate move by what was rolled back', () => {
    const wanted = readFleet(manifestOf({ one: 'b' }), facts);
    const plan = planFleet(wanted, liveOf(at(a, failed), [b]));
    expect([isNothing(plan), plan.rows[0]?.kind]).toEqual([true, 'rolled_back']);
  });

  it('ends one that nobody declared', () => {
    const wanted = readFleet(manifestOf({ one: 'a' }), facts);
    expect(planFleet(wanted, liveOf(at(a, running))).rollouts).toEqual([{ kind: 'abort', name: 'one' }]);
  });

  it('holds a canary at its share, and gives it another when Git does', () => {
    const canary = (share: number): DesiredFleet =>
      readFleet(
        manifestOf({ one: 'a', two: 'b' }).replace(
          `{name: one, digest: ${a}}`,
          `{name: one, digest: ${a}, canary: {digest: ${b}, share: ${share}}}`,
        ),
        facts,
      );
    const two = { ...at(b), name: 'two' };
    const withTwo = (one: LiveName): LiveFleet => ({
      names: new Map([
        ['one', one],
        ['two', two],
      ]),
      rolledBack: [],
    });
    expect(planFleet(canary(0.2), withTwo(at(a))).rollouts).toMatchObject([
      { kind: 'start', candidate: b, options: { steps: [{ share: 0.2 }, { share: 1 }] } },
    ]);
    const held = at(a, { ...running, share: 0.2, heldAt: 0.2 });
    expect(isNothing(planFleet(canary(0.2), withTwo(held)))).toBe(true);
    expect(planFleet(canary(0.3), withTwo(held)).rollouts.map(({ kind }) => kind)).toEqual(['abort', 'start']);
  });
});
