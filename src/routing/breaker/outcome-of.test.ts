import { expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { outcomeOf } from './outcome-of.ts';

it.each<readonly [string, unknown, string]>([
  ['logits that are not finite', new EspalierError('LOGITS_NOT_FINITE', {}), 'failure'],
  ['a run that failed', new EspalierError('GENERATION_FAILED', { reason: 'r' }), 'failure'],
  ['an error that nobody expected', new TypeError('x'), 'failure'],
  ['something that is no error', 'x', 'failure'],
  ['a bad request', new EspalierError('PROMPT_EMPTY', {}), 'cancelled'],
  ['a closing server', new EspalierError('ENGINE_CLOSED', {}), 'cancelled'],
  ['a full queue', new EspalierError('WAITED_TOO_LONG', { waitedMs: 2, limitMs: 1 }), 'cancelled'],
  ['an aborted request', AbortSignal.abort().reason, 'cancelled'],
])('counts %s as it should', (_, error, outcome) => {
  expect(outcomeOf(error)).toBe(outcome);
});

it('counts nothing of a request whose client has gone', () => {
  expect(outcomeOf(new TypeError('x'), true)).toBe('cancelled');
});
