import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext, fakeMaxLength, type FakeContext } from '../testing/fake-context.ts';

let context: FakeContext;
let app: FastifyInstance;
beforeEach(() => {
  context = fakeContext({});
  app = createApp(context, { generation: context });
});
afterEach(() => app.close());

interface Body {
  readonly id: string;
  readonly truncation: string;
  readonly error: { readonly code: string; readonly param: string };
}

async function ask(body: object): Promise<{ status: number; body: Body }> {
  const payload = { model: 'base', instructions: 'b', ...body };
  const answer = await app.inject({ method: 'POST', url: '/v1/responses', payload });
  return { status: answer.statusCode, body: answer.json() };
}

// Each character is a token, and the context holds 64 of them.
const prompt = (): string => String.fromCodePoint(...(context.requests.at(-1)?.tokens ?? []));
const turn = (letter: string): object[] => [
  { role: 'user', content: letter },
  { role: 'assistant', content: letter },
];
const long = [...turn('1'), ...turn('2'), ...turn('3'), { role: 'user', content: '4' }];

describe('truncation', () => {
  it('leaves the oldest turns away, and no instructions, where the context cannot hold them', async () => {
    const { status, body } = await ask({ input: long, truncation: 'auto' });
    expect([status, body.truncation]).toEqual([200, 'auto']);
    expect(prompt()).toBe('system: b\nuser: 3\nassistant: 3\nuser: 4\nassistant: ');
    expect((await ask({ input: long })).status).toBe(400);
    expect((await ask({ input: long, truncation: 'disabled' })).status).toBe(400);
  });

  it('leaves nothing away where everything fits', async () => {
    await ask({ input: long.slice(4), truncation: 'auto' });
    expect(prompt()).toBe('system: b\nuser: 3\nassistant: 3\nuser: 4\nassistant: ');
  });

  it('makes room for the answer that is asked for', async () => {
    await ask({ input: long.slice(4), truncation: 'auto', max_output_tokens: 20 });
    expect(prompt()).toBe('system: b\nuser: 4\nassistant: ');
  });

  it('keeps a call together with its result', async () => {
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
    const result = { type: 'function_call_output', call_id: 'c', output: 'x'.repeat(30) };
    const input = [{ role: 'user', content: '1' }, call, result, ...turn('2'), { role: 'user', content: '3' }];
    const tools = [{ type: 'function', name: 'f', parameters: {} }];
    await ask({ input, tools, tool_choice: 'none', truncation: 'auto' });
    expect(prompt()).toBe('system: b\nuser: 2\nassistant: 2\nuser: 3\nassistant: ');
  });

  it('leaves turns of the response before it away as well', async () => {
    const first = await ask({ input: 'y'.repeat(20) });
    await ask({ input: 'z', truncation: 'auto', previous_response_id: first.body.id });
    expect(prompt()).toBe('system: b\nuser: z\nassistant: ');
  });

  it('refuses a last turn that does not fit, in the words of a request that leaves nothing away', async () => {
    for (const length of [fakeMaxLength, fakeMaxLength * 1000]) {
      const input = [...long.slice(0, 2), { role: 'user', content: 'x'.repeat(length) }];
      const [auto, disabled] = [await ask({ input, truncation: 'auto' }), await ask({ input })];
      expect(auto.status).toBe(400);
      expect([auto.status, auto.body.error]).toEqual([disabled.status, disabled.body.error]);
    }
  });
});
