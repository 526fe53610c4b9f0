import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext, fakeMaxLength } from '../testing/fake-context.ts';

/** Asks with a prompt of 24 tokens; the length that the engine is given, or the error. */
async function asked(url: 'completions' | 'chat/completions', fields: object, promptTokens = 24): Promise<unknown> {
  const context = fakeContext();
  const frame = 'user: \nassistant: '.length;
  const prompt = url === 'completions' ? { prompt: 'x'.repeat(promptTokens) } : {};
  const messages = [{ role: 'user', content: 'x'.repeat(promptTokens - frame) }];
  const payload = { model: 'base', ...(url === 'completions' ? prompt : { messages }), ...fields };
  const answer = await createApp(context, { generation: context }).inject({
    method: 'POST',
    url: `/v1/${url}`,
    payload,
  });
  if (answer.statusCode === 200) return context.requests[0]?.maxTokens;
  expect(context.requests).toEqual([]);
  const { error } = answer.json<{ error: { code: string; param: string; message: string } }>();
  return [answer.statusCode, error.code, error.param];
}

const exceeded = (param: string | null): unknown[] => [400, 'context_length_exceeded', param];
const room = fakeMaxLength - 24;

describe('the length of an answer', () => {
  it.each([
    ['completions', {}, 16],
    ['completions', { max_tokens: 0 }, 0],
    ['completions', { max_tokens: room }, room],
    ['completions', { max_tokens: room + 1 }, exceeded('max_tokens')],
    ['completions', { max_tokens: 1e9 }, exceeded('max_tokens')],
    ['chat/completions', {}, room],
    ['chat/completions', { max_tokens: room }, room],
    ['chat/completions', { max_tokens: room + 1 }, exceeded('max_tokens')],
    ['chat/completions', { max_completion_tokens: room + 1 }, exceeded('max_completion_tokens')],
    ['chat/completions', { max_tokens: 1e9, max_completion_tokens: 3 }, 3],
    ['chat/completions', { max_tokens: null, max_completion_tokens: null }, room],
  ] as const)('of %s with %j is %j', async (url, fields, expected) => {
    expect(await asked(url, fields)).toEqual(expected);
  });

  it('is what fits, where the default does not', async () => {
    expect(await asked('completions', {}, fakeMaxLength - 3)).toBe(3);
  });

  it('is that beside the longest of several prompts', async () => {
    const prompt = ['x', 'x'.repeat(24)];
    expect(await asked('completions', { prompt, max_tokens: room })).toBe(room);
    expect(await asked('completions', { prompt, max_tokens: room + 1 })).toEqual(exceeded('max_tokens'));
  });

  it('is refused with the numbers that a client needs', async () => {
    const context = fakeContext();
    const payload = { model: 'base', prompt: 'x'.repeat(24), max_tokens: 50 };
    const answer = await createApp(context, { generation: context }).inject({
      method: 'POST',
      url: '/v1/completions',
      payload,
    });
    expect(answer.json<{ error: { message: string } }>().error.message).toContain(
      'The maximum context length is 64 tokens, and the prompt has 24 of them: max_tokens may be at most 40, got 50.',
    );
  });
});
