import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EspalierError, jobStatuses } from '../../core/index.ts';
import { someJob } from '../testing/job-record.ts';
import { isOver, type JobRecord } from './job-record.ts';
import { afterAction, canTake, type JobAction } from './transitions.ts';

const actions: readonly JobAction[] = [
  { kind: 'validated', rows: 5 },
  { kind: 'start' },
  { kind: 'pause' },
  { kind: 'resume' },
  { kind: 'cancel' },
  { kind: 'trained', tokens: 9, resultFiles: ['file-2'] },
  { kind: 'served' },
  { kind: 'fail', error: { code: 'x', message: 'y', param: null } },
];
const anyActions = fc.array(fc.constantFrom(...actions), { maxLength: 40, size: 'max' });

/** The jobs after each action that was possible. */
function walk(given: readonly JobAction[], apply = afterAction): JobRecord[] {
  const states = [someJob({ status: 'validating_files', rows: null })];
  for (const [at, action] of given.entries()) {
    const job = states.at(-1) ?? someJob();
    if (canTake(job, action.kind)) states.push(apply(job, action, at));
  }
  return states;
}

/** What must hold between one state and the next. @returns what does not */
function problems(states: readonly JobRecord[]): string[] {
  const found: string[] = [];
  for (const [at, job] of states.entries()) {
    const before = states[at - 1];
    const check = (what: string, holds: boolean): void => void (holds || found.push(what));
    check('an end has a time, and nothing else has', isOver(job) === (job.finishedAt !== null));
    check('an error belongs to a failure', (job.status === 'failed') === (job.error !== null));
    check('only what was trained succeeds', job.status !== 'succeeded' || job.isTrained);
    check('what runs was validated', job.status !== 'running' || job.rows !== null);
    check('what succeeded has tokens', job.status !== 'succeeded' || job.trainedTokens !== null);
    if (before === undefined) continue;
    check('nothing follows an end', !isOver(before));
    check('a training stays done', !before.isTrained || job.isTrained);
    check('what it is does not change', before.id === job.id && before.fineTunedModel === job.fineTunedModel);
  }
  return found;
}

describe('the states of a job', () => {
  it('go the way of a job that succeeds, pauses included', () => {
    const way = walk([
      { kind: 'validated', rows: 5 },
      { kind: 'start' },
      { kind: 'pause' },
      { kind: 'resume' },
      { kind: 'validated', rows: 5 },
      { kind: 'start' },
      { kind: 'trained', tokens: 9, resultFiles: [] },
      { kind: 'served' },
    ]);
    expect(way.map(({ status }) => status)).toEqual([
      'validating_files',
      'queued',
      'running',
      'paused',
      'validating_files',
      'queued',
      'running',
      'running',
      'succeeded',
    ]);
    expect(way.at(-1)).toMatchObject({ finishedAt: 7, trainedTokens: 9, isTrained: true, rows: 5 });
  });

  it('are what must hold, whatever happens in whatever order', () => {
    fc.assert(fc.property(anyActions, (given) => void expect(problems(walk(given))).toEqual([])));
  });

  it.each<[string, (job: JobRecord, action: JobAction) => JobRecord]>([
    ['an end without a time', (job, action) => ({ ...afterAction(job, action, 1), finishedAt: null })],
    [
      'a training that is forgotten',
      (job, action) => ({ ...afterAction(job, action, 1), isTrained: action.kind === 'trained' }),
    ],
    ['a failure without an error', (job, action) => ({ ...afterAction(job, action, 1), error: null })],
  ])('would show %s', (_name, broken) => {
    const found = fc.check(fc.property(anyActions, (given) => problems(walk(given, broken)).length === 0));
    expect(found.failed).toBe(true);
  });

  it('refuse every action that is not possible, and say why', () => {
    const codeOf = (work: () => unknown): unknown => {
      try {
        return work() !== undefined;
      } catch (error) {
        return EspalierError.isInstance(error) ? error.code : error;
      }
    };
    const all = jobStatuses.flatMap((status) => actions.map((action) => ({ job: someJob({ status }), action })));
    const wrong = all.filter(
      ({ job, action }) =>
        codeOf(() => afterAction(job, action, 1)) !== (canTake(job, action.kind) ? true : 'JOB_STATE'),
    );
    expect(wrong).toEqual([]);
    const refused = (): JobRecord => afterAction(someJob({ status: 'cancelled' }), { kind: 'pause' }, 1);
    expect(refused).toThrow('The fine-tuning job ftjob-1 is cancelled: it cannot be paused.');
  });

  it('let nobody stop a job whose adapter is about to be served', () => {
    const job = someJob({ status: 'running', isTrained: true });
    for (const kind of ['pause', 'cancel'] as const) {
      expect(() => afterAction(job, { kind }, 1)).toThrow('is trained and about to be served');
    }
    expect(canTake({ ...job, status: 'paused' }, 'cancel')).toBe(true);
  });
});
