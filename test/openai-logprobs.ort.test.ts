import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveBase, type ServedBase } from '../src/http/testing/serve-base.ts';
import { openBaseModel } from '../src/models/index.ts';
import { openEnvironment, type Environment } from '../src/onnxruntime/index.ts';
import { openScorer, type Scorer } from '../src/evaluate/index.ts';
import { assertNothingAlive } from '../src/engine/testing/assert-nothing-alive.ts';
import type { Tokenizer } from '../src/tokenizer/index.ts';

const prompts = ['Zoë asked: what 🌳 is an espalier? ', 'One, two,', '<|user|>Hello 👋🏽<|end|>'];

let environment: Environment;
let served: ServedBase;
let scorer: Scorer;
let client: ServedBase['client'];
let tokenizer: Tokenizer;

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openBaseModel(fileURLToPath(new URL('../demo/base', import.meta.url)));
  served = await serveBase(environment, base);
  scorer = await openScorer({ base, environment });
  if (served.tokenizer === undefined) throw new Error('the demo has a tokenizer');
  ({ client, tokenizer } = served);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  scorer.dispose();
  environment.dispose();
  assertNothingAlive();
});

/** What `espalier score` gives for these tokens. */
async function scores(tokens: readonly number[]): Promise<readonly (number | null)[]> {
  return (await scorer.score(tokens)).logprobs;
}

function expectClose(actual: readonly (number | null)[], expected: readonly (number | null)[]): void {
  expect(actual.map((value) => value === null)).toEqual(expected.map((value) => value === null));
  const differences = actual.map((value, i) => Math.abs((value ?? 0) - (expected[i] ?? 0)));
  expect(Math.max(...differences)).toBeLessThan(1e-4);
}

describe('completions that give the prompt back', () => {
  it.each([0, 1, 12])('tell how likely each token is, as scoring does, with max_tokens %i', async (max_tokens) => {
    const request = { model: 'base', prompt: prompts, max_tokens, logprobs: 2, echo: true, temperature: 1, seed: 4 };
    const answer = await client.completions.create({ ...request, return_token_ids: true } as typeof request);
    expect(answer.usage?.prompt_tokens).toBe(
      prompts.reduce((sum, text) => sum + tokenizer.encode(text, { bos: true }).length, 0),
    );
    for (const [place, { text, logprobs, finish_reason }] of answer.choices.entries()) {
      const { token_ids: ids } = answer.choices[place] as unknown as { token_ids: number[] };
      const prompt = prompts[place] ?? '';
      const promptIds = tokenizer.encode(prompt, { bos: true });
      expect(ids.slice(0, promptIds.length)).toEqual(promptIds);
      expect(text.startsWith(prompt)).toBe(true);
      expect(ids.length - promptIds.length).toBeLessThanOrEqual(max_tokens);
      expect(finish_reason).toMatch(max_tokens === 0 ? 'length' : /length|stop/);
      expectClose(logprobs?.token_logprobs ?? [], await scores(ids));
      const top = (logprobs?.top_logprobs ?? []) as (Record<string, number> | null)[];
      expect(top[0]).toBeNull();
      for (const [i, likeliest] of top.slice(1).entries()) {
        expect(likeliest?.[logprobs?.tokens?.[i + 1] ?? '']).toBe(logprobs?.token_logprobs?.[i + 1]);
        expect([2, 3]).toContain(Object.keys(likeliest ?? {}).length);
      }
    }
  });

  it('say where in the text each token begins, by code points', async () => {
    const request = { model: 'base', prompt: prompts[0] ?? '', max_tokens: 9, echo: true, logprobs: 0, temperature: 0 };
    const { choices } = await client.completions.create(request);
    const { text = '', logprobs } = choices[0] ?? {};
    const [codePoints, tokens, offsets] = [[...text], logprobs?.tokens ?? [], logprobs?.text_offset ?? []];
    const isPart = tokens.map((token) => token.startsWith('bytes:'));
    expect(isPart.filter(Boolean).length).toBeGreaterThan(1);
    for (const [i, token] of tokens.entries()) {
      const isWritten = i > 0 && !isPart[i] && token !== '<|end|>';
      expect(codePoints.slice(offsets[i]).join('').startsWith(token) || !isWritten).toBe(true);
    }
    expect(offsets.slice(0, 2)).toEqual([0, 0]);
  });

  it('stream the same as they answer whole', async () => {
    const request = { model: 'base', prompt: prompts, max_tokens: 8, echo: true, logprobs: 1, seed: 2, n: 2 };
    const whole = await client.completions.create(request);
    const merged = whole.choices.map(() => ({ text: '', tokens: [] as string[], logprobs: [] as (number | null)[] }));
    for await (const { choices } of await client.completions.create({ ...request, stream: true })) {
      for (const { index, text, logprobs } of choices) {
        const one = merged[index];
        if (one === undefined) throw new RangeError(`no choice ${index}`);
        one.text += text;
        one.tokens.push(...(logprobs?.tokens ?? []));
        one.logprobs.push(...(logprobs?.token_logprobs ?? []));
      }
    }
    for (const [i, { text, logprobs }] of whole.choices.entries()) {
      expect(merged[i]).toMatchObject({ text, tokens: logprobs?.tokens });
      expectClose(merged[i]?.logprobs ?? [], logprobs?.token_logprobs ?? []);
    }
  });
});

describe('chat completions with log-probabilities', () => {
  const request = {
    model: 'base',
    messages: [{ role: 'user' as const, content: 'Say something with an emoji.' }],
    max_completion_tokens: 24,
    temperature: 1.8,
    seed: 12,
    logprobs: true,
    top_logprobs: 3,
  };

  it('give the bytes of the text', async () => {
    const { choices } = await client.chat.completions.create(request);
    const [choice] = choices;
    const content = (choice?.logprobs?.content ?? []).filter(({ token }) => token !== '<|end|>');
    const bytes = Uint8Array.from(content.flatMap((token) => token.bytes ?? []));
    expect(new TextDecoder().decode(bytes)).toBe(choice?.message.content);
  });

  it('are those of the model, before temperature, likeliest first', async () => {
    const { choices } = await client.chat.completions.create({ ...request, return_token_ids: true } as typeof request);
    const { token_ids: ids } = choices[0] as unknown as { token_ids: number[] };
    const content = choices[0]?.logprobs?.content ?? [];
    const prompt = tokenizer.encodeChat(request.messages, { addGenerationPrompt: true });
    const expected = (await scores([...prompt, ...ids])).slice(prompt.length);
    expectClose(
      content.map(({ logprob }) => logprob),
      expected,
    );
    for (const { logprob, top_logprobs: top } of content) {
      expect(top).toHaveLength(3);
      expect(top.map((one) => one.logprob)).toEqual(top.map((one) => one.logprob).toSorted((a, b) => b - a));
      expect(logprob).toBeLessThanOrEqual(top[0]?.logprob ?? Number.NaN);
    }
  });

  it('stream the same, token by token', async () => {
    const whole = await client.chat.completions.create(request);
    const told: string[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...request, stream: true })) {
      told.push(...(choices[0]?.logprobs?.content ?? []).map(({ token }) => token));
    }
    expect(told).toEqual(whole.choices[0]?.logprobs?.content?.map(({ token }) => token));
    const { choices } = await client.chat.completions.stream({ ...request, n: 2 }).finalChatCompletion();
    expect(choices).toHaveLength(2);
    expect(choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    expect(choices[0]?.logprobs?.content?.map(({ token }) => token)).toEqual(told);
  });

  it('refuse top_logprobs alone, and tell nothing unasked', async () => {
    await expect(client.chat.completions.create({ ...request, logprobs: false })).rejects.toMatchObject({
      status: 400,
      param: 'top_logprobs',
    });
    const { choices } = await client.chat.completions.create({ ...request, logprobs: null, top_logprobs: null });
    expect(choices[0]?.logprobs).toBeNull();
  });
});
