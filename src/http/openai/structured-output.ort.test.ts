import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { serveBase, type ServedBase } from '../testing/serve-base.ts';

let environment: Environment;
let served: ServedBase;
let client: ServedBase['client'];

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openBaseModel(fileURLToPath(new URL('../../../demo/base', import.meta.url)));
  served = await serveBase(environment, base);
  ({ client } = served);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  environment.dispose();
});

const schema = {
  type: 'object',
  properties: {
    mood: { enum: ['calm', 'angry'] },
    score: { type: 'integer', minimum: 1, maximum: 5 },
    words: { type: 'array', items: { type: 'string', maxLength: 12 }, minItems: 1, maxItems: 3 },
  },
  required: ['mood', 'score', 'words'],
  additionalProperties: false,
};
const validate = new Ajv2020().compile(schema);
const messages = [{ role: 'user', content: 'How are you?' }] as const;
const hot = { model: 'base', temperature: 2, max_tokens: 200 };
const strict = { type: 'json_schema', json_schema: { name: 'mood', strict: true, schema } } as const;

describe('an answer with a form', () => {
  it('is JSON of its schema, whatever the model draws', async () => {
    const { choices } = await client.chat.completions.create({
      ...hot,
      messages: [...messages],
      n: 6,
      response_format: strict,
    });
    for (const { message, finish_reason: reason } of choices) {
      expect(reason).toBe('stop');
      expect(validate(JSON.parse(message.content ?? ''))).toBe(true);
    }
  });

  it('streams the same', async () => {
    const request = { ...hot, messages: [...messages], response_format: strict, seed: 4 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({ ...request, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(validate(JSON.parse(text))).toBe(true);
  });

  it('is cut where the limit comes first, and says so', async () => {
    const { choices } = await client.chat.completions.create({
      ...hot,
      max_tokens: 3,
      messages: [...messages],
      response_format: strict,
    });
    expect(choices[0]?.finish_reason).toBe('length');
  });

  it('is one of the choices', async () => {
    const request = { ...hot, prompt: 'The garden is', n: 8, guided_choice: [' green', ' red and blue', ' green too'] };
    const { choices } = await client.completions.create(request);
    for (const { text, finish_reason: reason } of choices) {
      expect(reason).toBe('stop');
      expect(request.guided_choice).toContain(text);
    }
  });

  it.each([
    { guided_regex: '\\d{2}:\\d{2}' },
    { structured_outputs: { regex: '\\d{2}:\\d{2}' } },
    { regex: '\\d{2}:\\d{2}' },
  ])('is what the pattern matches: %j', async (form) => {
    const { choices } = await client.completions.create({ ...hot, prompt: 'At', n: 3, ...form });
    for (const { text } of choices) expect(text).toMatch(/^\d{2}:\d{2}$/);
  });

  it.each([
    { guided_json: schema },
    { guided_json: JSON.stringify(schema) },
    { structured_outputs: { json: schema } },
    { json_schema: schema },
    { response_format: { type: 'json_object' as const, schema } },
  ])('has a schema by the names of other servers: %#', async (form) => {
    const { choices } = await client.completions.create({ ...hot, prompt: 'Answer:', ...form });
    expect(validate(JSON.parse(choices[0]?.text ?? ''))).toBe(true);
  });

  it('keeps the log-probabilities of the model itself', async () => {
    const request = { model: 'base', prompt: 'The garden', max_tokens: 1, temperature: 0, logprobs: 1 };
    const free = await client.completions.create(request);
    const bound = await client.completions.create(Object.assign({ guided_choice: ['zz'] }, request));
    expect(bound.choices[0]?.logprobs?.top_logprobs).toEqual([
      expect.objectContaining(free.choices[0]?.logprobs?.top_logprobs?.[0] ?? {}),
    ]);
  });

  it.each([
    [{ type: 'object', if: {} }, 'the keyword "if" at #/if'],
    [{ type: 'array', items: { uniqueItems: true } }, 'uniqueItems at #/items/uniqueItems'],
    [{ $ref: 'https://example.com/x' }, 'at #/$ref'],
    [{ type: 'string', pattern: '(?=a)' }, 'look-around at'],
  ])('is refused where a keyword cannot be kept: %j', async (wrong, problem) => {
    const asked = client.chat.completions.create({
      ...hot,
      messages: [...messages],
      response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: wrong } },
    });
    await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringContaining(problem) as string });
  });
});
