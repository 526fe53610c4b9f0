import { expect, it } from 'vitest';
import { someJob } from '../testing/job-record.ts';
import { jobRecordSchema } from './job-record.ts';

it('a record that a server without traces of jobs has written is read', () => {
  const { trace: _trace, ...earlier } = someJob({ id: 'ftjob-2' });
  expect(jobRecordSchema.parse(earlier)).toMatchObject({ id: 'ftjob-2', trace: null });
});
