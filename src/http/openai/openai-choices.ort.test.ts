import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { serveBase, type ServedBase } from '../testing/serve-base.ts';

let environment: Environment;
let served: ServedBase;
let client: ServedBase['client'];

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  served = await serveBase(
    environment,
    await openBaseModel(fileURLToPath(new URL('../../../demo/base', import.meta.url))),
  );
  ({ client } = served);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  environment.dispose();
});

const request = { model: 'base', prompt: ['The garden', 'Two trees'], max_tokens: 12, temperature: 1, seed: 3 };

describe('several choices of one request', () => {
  it('are each what its own seed gives alone, and all are counted', async () => {
    const together = await client.completions.create({ ...request, n: 3 });
    const ends: string[] = [];
    let tokens = 0;
    for (const prompt of request.prompt) {
      for (const seed of [3, 4, 5]) {
        const { choices, usage } = await client.completions.create({ ...request, prompt, seed });
        ends.push(choices[0]?.text ?? '');
        tokens += usage?.completion_tokens ?? 0;
      }
    }
    expect(together.choices.map(({ text }) => text)).toEqual(ends);
    expect(together.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new Set(ends).size).toBeGreaterThan(4);
    expect(together.usage?.completion_tokens).toBe(tokens);
  });

  it('stream side by side, each under its index, with one usage of them all', async () => {
    const whole = await client.completions.create({ ...request, n: 2 });
    const stream = await client.completions.create({
      ...request,
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ['', '', '', ''];
    let usage: unknown;
    let switches = 0;
    let last: number | undefined;
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      if (choice !== undefined) texts[choice.index] += choice.text;
      if (choice?.index !== last) switches++;
      last = choice?.index;
      usage = chunk.usage ?? usage;
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(usage).toEqual(whole.usage);
    expect(switches).toBeGreaterThan(4);
  });

  it('all end when the client goes away', async () => {
    const before = served.engine.stats().requests;
    const endless = { ...request, max_tokens: 400, n: 2, ignore_eos: true, stream: true } as const;
    for await (const chunk of await client.completions.create(endless)) if (chunk.choices.length > 0) break;
    await vi.waitFor(() => {
      const { cancelled, finished } = served.engine.stats().requests;
      expect([cancelled - before.cancelled, finished - before.finished]).toEqual([4, 0]);
    });
  });

  it('of a chat come with settings that change what is drawn', async () => {
    const bytes = Array.from({ length: 64 }, (_, place) => served.tokenizer?.encode('🌳')[place % 2] ?? 0);
    const bias = Object.fromEntries(bytes.map((id) => [id, 100]));
    const { choices } = await client.chat.completions.create({
      model: 'base',
      messages: [{ role: 'user', content: 'Hello' }],
      n: 2,
      logit_bias: bias,
      max_completion_tokens: 4,
      logprobs: true,
      seed: 1,
    });
    for (const { logprobs, message } of choices) {
      const content = logprobs?.content ?? [];
      expect(content).toHaveLength(4);
      expect(content.every(({ token }) => /^bytes:(\\x[0-9a-f]{2})+$/.test(token))).toBe(true);
      const text = new TextDecoder().decode(Uint8Array.from(content.flatMap((token) => token.bytes ?? [])));
      expect(message.content).toBe(text);
    }
  });

  it('are refused where a field is out of the range of this base, with the name of the API', async () => {
    const wrong = { ...request, logit_bias: { 2048: 1 } };
    await expect(client.completions.create(wrong)).rejects.toMatchObject({ status: 400, param: 'logit_bias' });
    const early = { ...request, min_tokens: 13 };
    await expect(client.completions.create(early)).rejects.toMatchObject({ status: 400, param: 'min_tokens' });
  });
});
