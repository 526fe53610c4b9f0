import { expect, it } from 'vitest';
import { EspalierError, option } from '../core/index.ts';
import { describeError, reportError } from './report-error.ts';

it('words errors alike where they are reported and where they are described: with flags, not names of options', () => {
  const [first, second, reason] = [option('maxPassTokens'), 'a single training', 'it is for several'];
  const error = new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason });
  let told = '';
  const stdout = { write: (text: string) => (told += text) };
  reportError(error, { stdout, stderr: stdout }, { json: true });
  expect(describeError(error).message).toContain('--max-pass-tokens');
  expect(JSON.parse(told)).toEqual({ error: describeError(error) });
});
