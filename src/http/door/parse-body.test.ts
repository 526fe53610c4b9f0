import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import {
  chatCompletionSchema,
  completionSchema,
  loadAdapterSchema,
  unloadAdapterSchema,
} from '../openai/request-body.ts';

const chat = { model: 'base', messages: [{ role: 'user', content: 'hi' }] };
const completion = { model: 'base', prompt: 'a' };

async function refusal(url: string, payload: unknown): Promise<string> {
  const context = fakeContext();
  const router = context.router;
  const embeddings = { ...context, router, embedder: { embed: () => Promise.resolve([]), maxLength: 64 }, width: 2 };
  const app = createApp(context, { generation: context, embeddings: embeddings as never });
  const headers = { 'content-type': 'application/json' };
  const answer = await app.inject({ method: 'POST', url, headers, payload: JSON.stringify(payload) });
  const { error } = answer.json<{ error: { message: string; param: string } }>();
  return answer.statusCode === 400 ? `${error.param}: ${error.message}` : String(answer.statusCode);
}

describe('a refused body', () => {
  it.each<[url: string, body: unknown, param: string, words: string]>([
    ['chat/completions', [chat], 'body', 'an object is expected, got a list'],
    ['chat/completions', 'hi', 'body', 'an object is expected, got "hi"'],
    ['chat/completions', { ...chat, model: undefined }, 'model', 'a text is expected, got nothing'],
    ['chat/completions', { ...chat, model: '' }, 'model', 'a text of at least 1 character is expected, got one of 0'],
    ['chat/completions', { ...chat, temperature: 'hot' }, 'temperature', 'a number is expected, got "hot"'],
    ['chat/completions', { ...chat, temperature: 3 }, 'temperature', 'at most 2 is expected, got 3'],
    ['chat/completions', { ...chat, top_p: -0.5 }, 'top_p', 'at least 0 is expected, got -0.5'],
    ['chat/completions', { ...chat, n: 1.5 }, 'n', 'a whole number is expected, got 1.5'],
    ['chat/completions', { ...chat, seed: 1.5 }, 'seed', 'a whole number is expected, got 1.5'],
    ['chat/completions', { ...chat, stream: 'yes' }, 'stream', 'true or false is expected, got "yes"'],
    ['chat/completions', { ...chat, stream_options: [] }, 'stream_options', 'an object is expected, got an empty list'],
    ['chat/completions', { ...chat, stream_options: { include_usage: 1 } }, 'stream_options.include_usage', 'got 1'],
    ['chat/completions', { ...chat, documents: ['x'] }, 'documents.0', 'an object is expected, got "x"'],
    ['completions', { ...completion, prompt: 5 }, 'prompt', 'none empty, got 5'],
    ['completions', { ...completion, prompt: ['a', 5] }, 'prompt.1', 'none empty, got 5'],
    ['completions', { ...completion, prompt: [1, 'a'] }, 'prompt.1', 'a whole number, 0 or more, got "a"'],
    ['completions', { ...completion, stop: 5 }, 'stop', 'than 256 characters, got 5'],
    ['completions', { ...completion, stop: ['a', ''] }, 'stop.1', 'than 256 characters, got ""'],
    ['completions', { ...completion, stop: Array(17).fill('a') }, 'stop', 'got a list of 17'],
    [
      'completions',
      { ...completion, stop_token_ids: 'a' },
      'stop_token_ids',
      'a list of token ids is expected, got "a"',
    ],
    ['completions', { ...completion, logit_bias: [] }, 'logit_bias', 'got an empty list'],
    ['completions', { ...completion, logit_bias: { 5: '1' } }, 'logit_bias.5', 'from -100 to 100 is expected, got "1"'],
    ['completions', { ...completion, logprobs: true }, 'logprobs', 'a number is expected, got true'],
    ['embeddings', { model: 'base', input: 'a', encoding_format: 'hex' }, 'encoding_format', '"float" or "base64" is'],
    ['embeddings', { model: 'base', input: 'a', dimensions: 0 }, 'dimensions', 'more than 0 is expected, got 0'],
    ['load_lora_adapter', { lora_name: 'a' }, 'lora_path', 'a text is expected, got nothing'],
  ])('/v1/%s %j says of %s what was expected and what came', async (url, body, param, words) => {
    const told = await refusal(`/v1/${url}`, body);
    expect(told).toMatch(new RegExp(`^${param}: The request is not valid at ${param}: `));
    expect(told).toContain(words);
    expect(told).not.toMatch(/Invalid|Too (small|big)|received|Unrecognized|undefined/);
  });

  it.each<[url: string, body: object, param: string, meant: string]>([
    ['chat/completions', { model: 'base', message: [] }, 'message', 'messages'],
    ['chat/completions', { ...chat, temprature: 1 }, 'temprature', 'temperature'],
    ['chat/completions', { ...chat, stream_options: { includeUsage: true } }, 'stream_options.includeUsage', 'include'],
    ['completions', { model: 'base', promt: 'a' }, 'promt', 'prompt'],
    ['embeddings', { model: 'base', inputs: 'a' }, 'inputs', 'input'],
    ['load_lora_adapter', { lora_name: 'a', lora_paht: 'b', lora_path: 'a' }, 'lora_paht', 'lora_path'],
  ])('/v1/%s %j says which field was meant by %s', async (url, body, param, meant) => {
    const told = await refusal(`/v1/${url}`, body);
    expect(told.split(':')[0]).toBe(param);
    expect(told).toContain(`no such field is known (did you mean ${meant}`);
  });

  it('of a closed object names the fields that there are', async () => {
    expect(await refusal('/v1/load_lora_adapter', { lora_name: 'a', lora_path: 'b', colour: 1 })).toContain(
      'the fields are lora_name, lora_path, load_inplace, any_base',
    );
  });
});

it.each([
  [{ include_obfuscation: true }, 'stream_options.include_obfuscation'],
  [{ continuous_usage_stats: true }, 'stream_options.continuous_usage_stats'],
])('refuses stream_options %j, which would change the events', async (options, param) => {
  expect(await refusal('/v1/chat/completions', { ...chat, stream_options: options })).toContain(
    `${param}: This server`,
  );
  const neutral = Object.fromEntries(Object.keys(options).map((name) => [name, false]));
  expect(await refusal('/v1/chat/completions', { ...chat, stream_options: neutral, max_tokens: 3 })).toBe('200');
});

it.each([
  [{ truncate_prompt_tokens: 5 }, 'truncate_prompt_tokens'],
  [{ adapter_id: 'x' }, 'adapter_id'],
])('refuses %j for embeddings, which would change the vectors', async (fields, param) => {
  expect(await refusal('/v1/embeddings', { model: 'base', input: 'a', ...fields })).toContain(`${param}: This server`);
});

it('keeps the schemas such that a JSON schema can be made of them', () => {
  for (const schema of [chatCompletionSchema, completionSchema, loadAdapterSchema, unloadAdapterSchema]) {
    const made = z.toJSONSchema(schema, { io: 'input' });
    expect(Object.keys(made.properties ?? {})).toEqual(Object.keys(schema.shape));
  }
  const { properties } = z.toJSONSchema(chatCompletionSchema, { io: 'input' });
  expect(properties?.['temperature']).toMatchObject({ anyOf: [{ type: 'number', minimum: 0, maximum: 2 }, {}] });
});
