import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EspalierError } from '../../src/core/index.ts';
import { createApp } from '../../src/http/app.ts';
import { openServer } from '../../src/http/index.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { openGeneration, type GenerationEngine, type GenerationRequest } from '../../src/service/index.ts';
import { loadSafetensors, writeSafetensors } from '../../src/tensor/index.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';

export const apiKey = 'secret';

/** A template that writes calls of tools and their results, and one for bases that know neither. */
const templates = {
  tools:
    "{% for m in messages %}[{{ m.role }}]{{ m.content or '' }}{% for c in m.tool_calls or [] %}<{{ c.function.name }} {{ c.function.arguments | tojson }}>{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
  plain: '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]',
} as const;

export interface ServedChat extends AsyncDisposable {
  readonly baseURL: string;
  /** The last request that the engine got. */
  readonly last: () => GenerationRequest | undefined;
  /** The text of its prompt. */
  readonly prompt: () => string | undefined;
  /** While it is true, the queue has no room. */
  isFull: boolean;
}

/** What the tests of a client speak to. */
export interface Served extends AsyncDisposable {
  /** A base whose template writes calls of tools and their results. */
  readonly tools: ServedChat;
  /** A base whose template writes neither. */
  readonly plain: ServedChat;
  readonly encoder: ServedEncoder;
}

export async function serveAll(): Promise<Served> {
  const environment = openEnvironment({ threads: 1 });
  const tools = await serveChat(environment, 'tools');
  const plain = await serveChat(environment, 'plain');
  const encoder = await serveEncoder(environment);
  return {
    tools,
    plain,
    encoder,
    async [Symbol.asyncDispose]() {
      for (const one of [encoder, plain, tools]) await one[Symbol.asyncDispose]();
      environment.dispose();
    },
  };
}

/** Serves the demo's base as `base`, with a real engine. */
async function serveChat(environment: Environment, template: keyof typeof templates): Promise<ServedChat> {
  const base = await openBaseModel(fileURLToPath(new URL('../../demo/base', import.meta.url)));
  const folder = await mkdtemp(join(tmpdir(), 'espalier-clients-'));
  const chatTemplate = join(folder, 'chat.jinja');
  await writeFile(chatTemplate, templates[template]);
  const tokenizer = await openTokenizer(base.dir, { chatTemplate });
  const options = { adaptersFolder: undefined, maxSlots: 4, maxLength: undefined, dora: undefined };
  const { engine, context, dispose } = await openGeneration({
    base,
    tokenizer,
    environment,
    baseName: 'base',
    ...options,
  });
  let last: GenerationRequest | undefined;
  const watched: GenerationEngine = {
    generate: (request) => engine.generate((last = request)),
    reserve: (asked) => {
      if (served.isFull) {
        throw new EspalierError('QUEUE_FULL', { waiting: 9, count: 1, limit: 9, retryAfterSeconds: 7 });
      }
      return engine.reserve(asked);
    },
  };
  const door = { apiKey, isReady: () => true, isShuttingDown: () => false };
  const app = createApp(door, { generation: { ...door, ...context, engine: watched } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const served: ServedChat = {
    baseURL: `http://127.0.0.1:${port}/v1`,
    last: () => last,
    prompt: () => last && tokenizer?.decode(last.tokens, { skipSpecial: false }),
    isFull: false,
    async [Symbol.asyncDispose]() {
      await app.close();
      await dispose();
      await rm(folder, { recursive: true });
    },
  };
  return served;
}

export interface ServedEncoder extends AsyncDisposable {
  readonly baseURL: string;
  /** Texts with the vectors of the reference. */
  readonly texts: readonly { readonly text: string; readonly embedding: number[] }[];
}

/** Serves an encoder as `encoder`. */
async function serveEncoder(environment: Environment): Promise<ServedEncoder> {
  const golden = fileURLToPath(new URL('../golden/bert-types', import.meta.url));
  const base = await mkdtemp(join(tmpdir(), 'espalier-clients-'));
  await cp(join(golden, 'model'), base, { recursive: true });
  const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8')) as object;
  await writeFile(join(base, 'config.json'), JSON.stringify({ ...config, architectures: ['BertModel'] }));
  const weights = join(base, 'model.safetensors');
  const { tensors } = await loadSafetensors(weights);
  await writeSafetensors(weights, new Map([...tensors].filter(([name]) => !name.startsWith('classifier'))));
  const server = await openServer({ base, servedName: 'encoder', apiKey, environment, port: 0, maxWaitMs: 5 });
  const all = JSON.parse(await readFile(join(golden, 'texts.json'), 'utf8')) as {
    text: string;
    pair: string | null;
    embedding: number[];
  }[];
  return {
    baseURL: `${server.url}/v1`,
    texts: all.filter(({ pair }) => pair === null).slice(0, 3),
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(base, { recursive: true });
    },
  };
}

/** The same conversation for every client: a rule, a question, a call and its result, an answer, and a question. */
export const history = {
  system: 'Be brief.',
  question: 'How warm is it?',
  call: { id: 'call_1', name: 'weather', arguments: { city: 'Bern' } },
  result: '{"celsius":20}',
  answer: 'It is 20 degrees.',
  next: 'Thanks.',
} as const;

/** What the template `tools` makes of it. */
export const renderedHistory =
  '[system]Be brief.[user]How warm is it?[assistant]<weather {"city": "Bern"}>[tool]{"celsius":20}[assistant]It is 20 degrees.[user]Thanks.[assistant]';

/** The vectors of the reference, to as many places as they agree. */
export const rounded = (vectors: readonly (readonly number[])[]): string[][] =>
  vectors.map((vector) => vector.map((value) => value.toFixed(4)));
