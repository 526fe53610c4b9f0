import { describe, expect, it } from 'vitest';
import type { JobEvent, JobStatus } from '../../core/index.ts';
import { JobSpans } from './job-spans.ts';

const told = (status: JobStatus, time: number, job = 'ftjob-1'): JobEvent => {
  return { event: 'status', job, model: 'ft:base::1', status, time, created: 1000, code: 'ROWS_INVALID' };
};

describe('the span of a job', () => {
  it('is written at its end, from its creation on, with a child for each of its states', () => {
    const spans = new JobSpans();
    const before = [told('validating_files', 1100), told('queued', 1200), told('running', 1300)];
    expect(before.map((event) => spans.heard(event))).toEqual([undefined, undefined, undefined]);
    expect(spans.heard({ ...told('running', 1400), event: 'checkpoint', step: 2 })).toBeUndefined();
    const span = spans.heard(told('succeeded', 2000));
    expect(span).toMatchObject({ name: 'fine_tuning.job', start: 1000, end: 2000, errorType: undefined });
    expect(span?.attributes).toEqual({
      'espalier.job.id': 'ftjob-1',
      'espalier.job.status': 'succeeded',
      'espalier.adapter.name': 'ft:base::1',
    });
    expect(span?.children?.map(({ name, start, end }) => `${name} ${start}-${end}`)).toEqual([
      'job.validating_files 1100-1200',
      'job.queued 1200-1300',
      'job.running 1300-2000',
    ]);
  });

  it('has the code of its error, and is whole though an earlier server began the job', () => {
    expect(new JobSpans().heard(told('failed', 5000))).toMatchObject({
      start: 1000,
      end: 5000,
      errorType: 'ROWS_INVALID',
      children: [],
    });
  });

  it('keeps the states of jobs apart', () => {
    const spans = new JobSpans();
    spans.heard(told('running', 1100, 'ftjob-2'));
    spans.heard(told('queued', 1200));
    expect(spans.heard(told('cancelled', 1300, 'ftjob-2'))?.children?.map(({ name }) => name)).toEqual(['job.running']);
    expect(spans.heard(told('cancelled', 1400))?.children?.map(({ name }) => name)).toEqual(['job.queued']);
  });

  it('remembers the states of so many unfinished jobs, those that were told of last', () => {
    const spans = new JobSpans();
    for (let job = 0; job < 1100; job++) spans.heard(told('running', 1100, `ftjob-${job}`));
    const known = (job: number): number | undefined =>
      spans.heard(told('cancelled', 1200, `ftjob-${job}`))?.children?.length;
    expect([known(0), known(75), known(76), known(1099)]).toEqual([0, 0, 1, 1]);
  });
});
