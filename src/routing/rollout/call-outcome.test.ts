import { expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { rolloutOutcomeOf } from './call-outcome.ts';

const mismatch = new EspalierError('ADAPTER_BASE_MISMATCH', { path: 'a', trained: 'x', fingerprint: 'y' });

it.each<readonly [string, unknown, string]>([
  ['logits that are not finite', new EspalierError('LOGITS_NOT_FINITE', {}), 'not-finite'],
  ['an adapter of another base', mismatch, 'incompatible'],
  ['a run that failed', new EspalierError('GENERATION_FAILED', { reason: 'r' }), 'failure'],
  ['a bad request', new EspalierError('PROMPT_EMPTY', {}), 'cancelled'],
])('tells %s apart', (_, error, outcome) => {
  expect(rolloutOutcomeOf(error)).toBe(outcome);
});
