import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobStatuses } from '../../core/index.ts';
import { planJobs, type Plan, type PlanState } from './plan.ts';

const anyState: fc.Arbitrary<PlanState> = fc
  .record({
    statuses: fc.array(fc.constantFrom(...jobStatuses), { maxLength: 12 }),
    places: fc.array(fc.record({ at: fc.nat(11), isStopping: fc.boolean() }), { maxLength: 5 }),
    validating: fc.array(fc.nat(11), { maxLength: 3 }),
    maxJobs: fc.integer({ min: 1, max: 4 }),
    isClosing: fc.boolean(),
  })
  .map(({ statuses, places, validating, maxJobs, isClosing }) => ({
    jobs: statuses.map((status, createdAt) => ({ id: String(createdAt), status, createdAt })),
    places: new Map(
      places.filter(({ at }) => at < statuses.length).map(({ at, isStopping }) => [String(at), { isStopping }]),
    ),
    validating: new Set(validating.map(String)),
    maxJobs,
    isClosing,
  }));

/** @returns what is wrong with a plan */
function problems({ jobs, places, maxJobs, isClosing, validating }: PlanState, plan: Plan): string[] {
  const statusOf = (id: string): string => jobs.find((job) => job.id === id)?.status ?? 'gone';
  const found: string[] = [];
  const check = (what: string, holds: boolean): void => void (holds || found.push(what));
  check('more than the places', plan.start.length === 0 || places.size + plan.start.length <= maxJobs);
  check(
    'a place is left free',
    isClosing || plan.start.length === Math.min(Math.max(0, maxJobs - places.size), waiting()),
  );
  for (const id of plan.start) {
    check('what has a place is started', !places.has(id));
    check('what does not wait is started', ['queued', 'running'].includes(statusOf(id)));
  }
  for (const id of plan.stop) {
    check('what has no place, or is stopping, is stopped', places.get(id)?.isStopping === false);
    check('what shall run is stopped', isClosing || statusOf(id) === 'paused');
  }
  for (const id of plan.kill) check('what is not over is killed', ['cancelled', 'failed'].includes(statusOf(id)));
  for (const [id, { isStopping }] of places) {
    check('what is paused goes on', statusOf(id) !== 'paused' || isStopping || plan.stop.includes(id));
    check('what is cancelled goes on', statusOf(id) !== 'cancelled' || plan.kill.includes(id));
  }
  for (const id of plan.validate) check('files are read twice at once', !validating.has(id));
  return found;

  function waiting(): number {
    return jobs.filter(({ id, status }) => ['queued', 'running'].includes(status) && !places.has(id)).length;
  }
}

describe('the plan of jobs', () => {
  it('keeps to the places, and to what the states say', () => {
    fc.assert(fc.property(anyState, (state) => void expect(problems(state, planJobs(state))).toEqual([])));
  });

  it.each<[string, (state: PlanState) => Plan]>([
    ['that counts no places', (state) => planJobs({ ...state, places: new Map() })],
    ['that starts one too many', (state) => planJobs({ ...state, maxJobs: state.maxJobs + 1 })],
    ['that starts none', (state) => ({ ...planJobs(state), start: [] })],
    ['that stops nothing', (state) => ({ ...planJobs(state), stop: [] })],
    ['that kills nothing', (state) => ({ ...planJobs(state), kill: [] })],
    ['that reads files again', (state) => planJobs({ ...state, validating: new Set() })],
  ])('would show one %s', (_name, broken) => {
    const { failed } = fc.check(
      fc.property(anyState, (state) => problems(state, broken(state)).length === 0),
      { numRuns: 1000 },
    );
    expect(failed).toBe(true);
  });

  it('takes what ran before what waits, and the oldest first', () => {
    const job = (id: string, status: 'queued' | 'running') => ({ id, status, createdAt: 0 });
    const jobs = [job('a', 'queued'), job('b', 'queued'), job('c', 'running')];
    const state = { jobs, places: new Map(), validating: new Set<string>(), maxJobs: 2, isClosing: false };
    expect(planJobs(state).start).toEqual(['c', 'a']);
  });
});
