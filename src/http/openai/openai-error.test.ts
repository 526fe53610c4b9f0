import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { openAiErrorOf } from './openai-error.ts';

describe('openAiErrorOf', () => {
  it('says when to come again, in the header of HTTP and in the one of the clients', () => {
    const details = { waiting: 512, count: 64, room: 512, retryAfterSeconds: 7 };
    const { status, headers } = openAiErrorOf(new EspalierError('CALLER_QUEUE_FULL', details));
    expect(status).toBe(429);
    expect(headers).toEqual({ 'x-should-retry': 'true', 'retry-after': '7', 'retry-after-ms': '7000' });
  });

  it.each([
    [new EspalierError('SHUTTING_DOWN', {}), '1'],
    [new EspalierError('API_KEY_INVALID', { problem: 'missing' }), undefined],
  ])('gives a time only where the request may succeed later: %s', (error, seconds) => {
    expect(openAiErrorOf(error).headers['retry-after']).toBe(seconds);
  });

  it('names an option of the engine as the field that the client sent', () => {
    const details = { name: 'minTokens', expected: 'an integer from 0', actual: -1 };
    const { body } = openAiErrorOf(new EspalierError('GENERATION_OPTION_INVALID', details));
    expect(body.error).toMatchObject({
      param: 'min_tokens',
      message: 'Expected min_tokens to be an integer from 0, got -1.',
    });
  });
});
