import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import { loadSafetensors, writeSafetensors } from '../../tensor/index.ts';
import { Series } from '../../telemetry/testing/series.ts';
import { receiveTraces } from '../../telemetry/testing/trace-receiver.ts';
import { openServer, type Server, type ServerOptions } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/bert-types', import.meta.url));

interface GoldenText {
  readonly text: string;
  readonly pair: string | null;
  readonly ids: number[];
  readonly logits: number[];
  readonly embedding: number[];
}

let folder: string;
let server: Server | undefined;
let texts: GoldenText[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const all = JSON.parse(await readFile(join(golden, 'texts.json'), 'utf8')) as GoldenText[];
  texts = all.filter(({ pair }) => pair === null);
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

/** The golden classifier, or its encoder alone. */
async function open(architecture: string, options: Partial<ServerOptions> = {}, labels?: number): Promise<OpenAI> {
  const base = join(folder, 'base');
  await cp(join(golden, 'model'), base, { recursive: true });
  const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8')) as object;
  await writeFile(
    join(base, 'config.json'),
    JSON.stringify({ ...config, architectures: [architecture], ...(labels && { id2label: { 0: 'fits' } }) }),
  );
  if (labels !== undefined) await firstLabel(join(base, 'model.safetensors'));
  if (architecture === 'BertModel') await dropHead(join(base, 'model.safetensors'));
  server = await openServer({ base, servedName: 'encoder', threads: 1, port: 0, maxWaitMs: 5, ...options });
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
}

/** Leaves the first label of a head of several. */
async function firstLabel(path: string): Promise<void> {
  const { tensors } = await loadSafetensors(path);
  const cut = [...tensors].map(([name, tensor]): [string, typeof tensor] => {
    const [rows = 1, ...rest] = tensor.shape;
    const bytes = tensor.bytes.slice(0, tensor.bytes.length / rows);
    return [name, name.startsWith('classifier') ? { ...tensor, shape: [1, ...rest], bytes } : tensor];
  });
  await writeSafetensors(path, cut);
}

async function dropHead(path: string): Promise<void> {
  const { tensors } = await loadSafetensors(path);
  await writeSafetensors(path, new Map([...tensors].filter(([name]) => !name.startsWith('classifier'))));
}

function expectClose(actual: readonly number[] | undefined, expected: readonly number[]): void {
  expect(actual?.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(actual?.[i]).toBeCloseTo(value, 5);
}

describe('embeddings', () => {
  it('come from no base whose file was overwritten, and its model is not ready', async () => {
    const client = await open('BertModel');
    await writeFile(join(folder, 'base', 'model.safetensors'), 'other');
    const ready = async (): Promise<number> => (await fetch(`${server?.url}/v2/models/encoder/ready`)).status;
    await expect.poll(ready, { timeout: 5000 }).toBe(503);
    const asked = client.embeddings.create({ model: 'encoder', input: 'a text' });
    await expect(asked).rejects.toThrow('was written to while the base was in use');
  });

  it('are those of the reference, for one text, for many at once, and for their tokens', async () => {
    const client = await open('BertModel');
    const many = await client.embeddings.create({ model: 'encoder', input: texts.map(({ text }) => text) });
    const tokens = await client.embeddings.create({ model: 'encoder', input: texts.map(({ ids }) => ids) });
    for (const [i, { text, ids, embedding }] of texts.entries()) {
      const one = await client.embeddings.create({ model: 'encoder', input: text, encoding_format: 'float' });
      for (const answer of [one.data[0], many.data[i], tokens.data[i]]) expectClose(answer?.embedding, embedding);
      expect(one.usage).toEqual({ prompt_tokens: ids.length, total_tokens: ids.length });
    }
    expect(many.data.map(({ index }) => index)).toEqual([...texts.keys()]);
  });

  it('put the prompt that is asked for before texts', async () => {
    const prompts = { query: 'the film was ', sts: 'is this ' };
    await mkdir(join(folder, 'base'), { recursive: true });
    const file = join(folder, 'base', 'config_sentence_transformers.json');
    await writeFile(file, JSON.stringify({ prompts, default_prompt_name: 'sts' }));
    const client = await open('BertModel');
    const vectorOf = async (input: string | number[], more: object = {}): Promise<readonly number[] | undefined> => {
      const answer = await client.embeddings.create({ model: 'encoder', input, encoding_format: 'float', ...more });
      return answer.data[0]?.embedding;
    };
    const plain = { prompt_name: null, input_type: 'document' };
    const [query, fallback] = [await vectorOf('the film was good', plain), await vectorOf('is this good', plain)];
    expectClose(await vectorOf('good', { input_type: 'query' }), query ?? []);
    expectClose(await vectorOf('good', { prompt_name: 'query' }), query ?? []);
    expectClose(await vectorOf('good'), fallback ?? []);
    expect(query).not.toEqual(fallback);
    await expect(vectorOf('good', { prompt_name: 'web' })).rejects.toThrow('it has query, sts');
    await expect(vectorOf([2, 14, 3], { prompt_name: 'query' })).rejects.toMatchObject({ status: 400 });
    await expect(vectorOf('good', { input_type: 'clustering' })).rejects.toMatchObject({ status: 400 });
  });

  it('are counted and traced with their tokens, and not where they are refused', async () => {
    await using receiver = await receiveTraces();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
    const client = await open('BertModel');
    await client.embeddings.create({ model: 'encoder', input: [[1, 2, 3], [4]] });
    await expect(client.embeddings.create({ model: 'encoder', input: [1e6] })).rejects.toThrow('400');
    const series = new Series(await (await fetch(`${server?.url}/metrics`)).text());
    await server?.close();
    vi.unstubAllEnvs();
    const counted = ['requests', 'tokens'].map((of) => {
      const labels = of === 'requests' ? { outcome: 'finished' } : { kind: 'prompt' };
      return series.value(`espalier_adapter_${of}_total`, { adapter: 'encoder', ...labels });
    });
    expect(counted).toEqual([1, 4]);
    expect(series.value('espalier_request_duration_seconds')).toBe(1);
    const read = receiver.spans.filter(({ name }) => name === 'embeddings encoder');
    const request = receiver.spans.find(({ spanId }) => spanId === read[0]?.parentSpanId);
    expect(read.map(({ attributes }) => attributes['gen_ai.usage.input_tokens'])).toEqual([4]);
    expect(request?.attributes).toMatchObject({ 'http.route': '/v1/embeddings', 'http.response.status_code': 200 });
  });

  it('name the base among the models', async () => {
    const client = await open('BertModel');
    expect((await client.models.list()).data).toMatchObject([{ id: 'encoder', parent: null }]);
  });

  it.each([
    ['another model', { model: 'encodr', input: 'a' }, 404],
    ['no text', { model: 'encoder', input: [] }, 400],
    ['fewer dimensions', { model: 'encoder', input: 'a', dimensions: 3 }, 400],
    ['a token beyond the vocabulary', { model: 'encoder', input: [2, 9999, 3] }, 400],
    ['a text that is too long', { model: 'encoder', input: 'good '.repeat(200) }, 400],
  ])('refuse %s', async (_what, body, status) => {
    const client = await open('BertModel');
    await expect(client.embeddings.create(body)).rejects.toMatchObject({ status });
  });

  it('refuse a text beyond the context as such, whatever its length', async () => {
    const client = await open('BertModel');
    for (const count of [200, 20_000]) {
      const asked = client.embeddings.create({ model: 'encoder', input: ['a', 'good '.repeat(count)] });
      await expect(asked).rejects.toMatchObject({ code: 'context_length_exceeded', param: 'input.1' });
    }
  });
});

describe('a classifier with one number', () => {
  /** The classifier with the first row of its last layer only, and what the reference gives for each pair. */
  async function openReranker(): Promise<GoldenText[]> {
    const all = JSON.parse(await readFile(join(golden, 'texts.json'), 'utf8')) as GoldenText[];
    await open('BertForSequenceClassification', {}, 1);
    return all;
  }

  const ask = async (body: object): Promise<{ status: number; body: RerankAnswer }> => {
    const answer = await fetch(`${server?.url}/v1/rerank`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'encoder', ...body }),
    });
    return { status: answer.status, body: (await answer.json()) as RerankAnswer };
  };

  it('orders documents as the reference scores each pair, with its segments', async () => {
    const { text, pair, ids, logits } = (await openReranker()).find((each) => each.pair !== null) ?? fail();
    const documents = ['Dull.', { text: pair }, 'It was a very good film.'];
    const { status, body } = await ask({ query: text, documents, return_documents: true });
    expect(status).toBe(200);
    expect(body.results.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    const scores = body.results.map(({ relevance_score: score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const found = body.results.find(({ index }) => index === 1);
    expect(found?.relevance_score).toBeCloseTo(1 / (1 + Math.exp(-(logits[0] ?? NaN))), 5);
    expect(found?.document).toEqual({ text: pair });
    expect(body.usage.total_tokens).toBeGreaterThan(ids.length);
    const top = await ask({ query: text, documents, top_n: 1 });
    expect(top.body.results).toEqual([{ index: body.results[0]?.index, relevance_score: scores[0] }]);
  });

  it('refuses a pair that is too long, unless it may be cut', async () => {
    await openReranker();
    const documents = ['a', 'good '.repeat(40)];
    expect((await ask({ query: 'a', documents })).body).toMatchObject({ error: { param: 'documents.1' } });
    expect((await ask({ query: 'a', documents, truncation: true })).status).toBe(200);
  });

  it('refuses what it cannot honour, by its field', async () => {
    await openReranker();
    const wrong = [
      ['documents', { query: 'a', documents: [] }],
      ['documents.0', { query: 'a', documents: [{ title: 'a' }] }],
      ['query', { query: '', documents: ['a'] }],
      ['top_n', { query: 'a', documents: ['a'], top_n: 0 }],
      ['rank_fields', { query: 'a', documents: ['a'], rank_fields: ['title'] }],
    ] as const;
    for (const [param, body] of wrong)
      expect(await ask(body)).toMatchObject({ status: 400, body: { error: { param } } });
  });
});

interface RerankAnswer {
  readonly results: { readonly index: number; readonly relevance_score: number; readonly document?: object }[];
  readonly usage: { readonly total_tokens: number };
}

function fail(): never {
  throw new Error('the golden case has a pair');
}

describe('a classifier', () => {
  it('does not share its name with a model', async () => {
    const models = [{ name: 'encoder', path: 'model.onnx' }];
    await expect(open('BertForSequenceClassification', { models })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('answers token ids through the Open Inference Protocol as the reference does', async () => {
    await open('BertForSequenceClassification');
    const answers = texts.map(async ({ ids }) => {
      const row = (name: string, data: number[]): object => ({ name, shape: [1, ids.length], datatype: 'INT64', data });
      const inputs = [
        row('input_ids', ids),
        row(
          'attention_mask',
          ids.map(() => 1),
        ),
      ];
      const response = await fetch(`${server?.url}/v2/models/encoder/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs }),
      });
      return (await response.json()) as { outputs: { name: string; data: number[] }[] };
    });
    expect(texts.length).toBeGreaterThan(1);
    for (const [i, { outputs }] of (await Promise.all(answers)).entries()) {
      expectClose(outputs[0]?.data, texts[i]?.logits ?? []);
    }
  });
});
