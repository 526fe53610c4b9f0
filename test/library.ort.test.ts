import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScorer } from '../src/evaluate/index.ts';
import {
  EspalierError,
  liveHandles,
  loadModel,
  serve,
  train,
  type LocalModel,
  type LogitsFunction,
  type Piece,
  type TrainedModel,
  type TrainEvent,
} from '../src/index.ts';
import { loadAdapter } from '../src/adapter-files/index.ts';
import { fingerprintBase, fingerprintKey, openBaseModel } from '../src/models/index.ts';
import { openEnvironment } from '../src/onnxruntime/index.ts';
import { openSafetensors, parseSafetensors, writeSafetensors } from '../src/tensor/index.ts';

const base = fileURLToPath(new URL('../demo/base', import.meta.url));
const messages = [{ role: 'user', content: 'I cannot find my card.' }];
const greedy = { messages, maxTokens: 12, temperature: 0 };

let folder = '';
let first: TrainedModel;
let second: TrainedModel;
const events: TrainEvent[] = [];

/** Learns one answer to one question, so that each adapter is known by what it says. */
async function teach(name: string, answer: string): Promise<TrainedModel> {
  const data = join(folder, `${name}.jsonl`);
  await writeFile(data, `${JSON.stringify({ messages: [...messages, { role: 'assistant', content: answer }] })}\n`);
  const options = { base, data, output: join(folder, name), rank: 8, maxSteps: 30, learningRate: 0.005 } as const;
  return train(options, { threads: 2, onEvent: (event) => events.push(event) });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-library-'));
  first = await teach('first', 'Please call the bank.');
  second = await teach('second', 'Open the app.');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function withModel(work: (model: LocalModel) => Promise<void>): Promise<void> {
  await using model = await loadModel(base, { adapters: { strict: first.output }, threads: 2, maxLength: 256 });
  await work(model);
}

describe('train', () => {
  it('tells of the plan and of each step, and what it wrote', () => {
    expect(events[0]).toMatchObject({ kind: 'planned', plan: { steps: 30 } });
    expect(events.filter(({ kind }) => kind === 'stepped')).toHaveLength(60);
    expect(first).toMatchObject({
      steps: 30,
      interrupted: false,
      weights: join(first.output, 'adapter_model.safetensors'),
    });
    expect(first.version).toMatch(/^[0-9a-f]{64}$/);
    expect(first.version).not.toBe(second.version);
    expect(first.lastLoss).toBeLessThan(first.firstLoss);
  });

  it('ends by the signal of its caller', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const options = { base, data: join(folder, 'first.jsonl'), output: join(folder, 'never') };
    await expect(train(options, { signal })).rejects.toThrow('enough');
  });
});

describe('loadModel', () => {
  it('answers as the base, as an adapter and as its replacement', () =>
    withModel(async (model) => {
      expect(await model.chat({ ...greedy, adapter: 'strict' })).toMatchObject({
        text: 'Please call the bank.',
        finishReason: 'stop',
      });
      const alone = await model.chat(greedy);
      expect(alone.text).not.toContain('call the bank');
      const [during, version] = await Promise.all([
        model.chat({ ...greedy, adapter: 'strict' }),
        model.load('strict', second.output),
      ]);
      expect(during.text).toBe('Please call the bank.');
      expect(version).toBe(second.version);
      expect((await model.chat({ ...greedy, adapter: 'strict' })).text).toBe('Open the app.');
      expect(model.adapters.map(({ name }) => name)).toEqual(['strict']);
      await model.unload('strict');
      await expect(model.chat({ ...greedy, adapter: 'strict' })).rejects.toMatchObject({ code: 'ADAPTER_NOT_FOUND' });
    }));

  it('streams what it answers, and ends the call where the loop is left', () =>
    withModel(async (model) => {
      const whole = await model.chat({ ...greedy, adapter: 'strict', logprobs: 0 });
      const pieces: Piece[] = [];
      for await (const piece of model.stream({ ...greedy, adapter: 'strict' })) pieces.push(piece);
      expect(pieces.map(({ text }) => text).join('')).toBe(whole.text);
      expect(pieces.flatMap(({ tokens }) => tokens)).toEqual(whole.tokens);
      expect(pieces.at(-1)?.finishReason).toBe('stop');
      expect(whole.logprobs).toHaveLength(whole.tokens.length);
      for await (const piece of model.stream({ ...greedy, maxTokens: 200, minTokens: 200 })) {
        expect(piece.tokens).toHaveLength(1);
        break;
      }
      expect((await model.chat({ ...greedy, adapter: 'strict', stop: ' bank' })).text).toBe('Please call the');
    }));

  it('goes on from a text with the options of its caller', () =>
    withModel(async (model) => {
      const options = { prompt: 'Dear customer,', maxTokens: 6, temperature: 0.9, topP: 0.95, topK: 50, seed: 7 };
      const answer = await model.generate(options);
      expect(answer.tokens).toHaveLength(6);
      expect((await model.generate(options)).tokens).toEqual(answer.tokens);
      expect(answer.usage).toMatchObject({ completionTokens: 6, reasoningTokens: 0 });
      const wrong = { prompt: 'Dear', topP: 1.5 };
      await expect(model.generate(wrong)).rejects.toMatchObject({ code: 'GENERATION_OPTION_INVALID' });
    }));

  it('draws what functions of its caller leave, and fails the call of one that fails', () =>
    withModel(async (model) => {
      const only: LogitsFunction = (logits, { answer }) => {
        logits.fill(-Infinity);
        logits[300 + answer.length] = 0;
      };
      const failing: LogitsFunction = () => {
        throw new Error('out of words');
      };
      const call = { ...greedy, maxTokens: 3 };
      const answers = [[only], [failing], []].map((logitsProcessors) => model.chat({ ...call, logitsProcessors }));
      expect((await Promise.allSettled(answers)).map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      await expect(answers[0]).resolves.toMatchObject({ tokens: [300, 301, 302] });
      const details = { name: 'failing', reason: 'out of words' };
      await expect(answers[1]).rejects.toMatchObject({ code: 'LOGITS_PROCESSOR_FAILED', details });
    }));

  it('refuses factors and token ids that HTTP refuses too', () =>
    withModel(async (model) => {
      const refused = { code: 'GENERATION_OPTION_INVALID' };
      await expect(model.chat({ ...greedy, repetitionPenalty: 1e300 })).rejects.toMatchObject(refused);
      await expect(model.generate({ prompt: 'Dear', stopTokenIds: [2 ** 32] })).rejects.toMatchObject(refused);
      await expect(model.generate({ prompt: 'Dear', logitBias: { 5000: 1 } })).rejects.toMatchObject(refused);
      for (const id of ['', '1e2']) {
        await expect(model.generate({ prompt: 'Dear', logitBias: { [id]: 1 } })).rejects.toThrow(
          'Expected numbers by token id for logitBias',
        );
      }
    }));

  it('scores a text as the scorer does', async () => {
    const text = 'Please call the bank.';
    let scores: readonly (number | null)[] = [];
    let tokens: readonly number[] = [];
    await withModel(async (model) => {
      const score = await model.score({ text, adapter: 'strict' });
      [scores, tokens] = [score.logprobs, score.tokens];
      expect(score.perplexity).toBeLessThan((await model.score({ text })).perplexity);
    });
    const opened = await openBaseModel(base);
    using environment = openEnvironment({ threads: 2 });
    const adapters = [await loadAdapter(first.output, opened.modules, { weights: opened.weights })];
    using scorer = await openScorer({ base: opened, environment, adapters });
    const expected = await scorer.score([...tokens]);
    expect(scores[0]).toBeNull();
    const errors = scores.map((score, i) => Math.abs((score ?? 0) - (expected.logprobs[i] ?? 0)));
    expect(Math.max(...errors)).toBeLessThan(1e-3);
  });

  it('refuses what it does not know, in the words of code', () =>
    withModel(async (model) => {
      const misspelt: object = { ...greedy, maxToken: 3 };
      await expect(model.chat(misspelt as typeof greedy)).rejects.toMatchObject({
        code: 'OPTION_UNKNOWN',
        message: expect.stringContaining('chat takes no option "maxToken". Did you mean maxTokens?'),
        details: { name: 'maxToken', supported: expect.arrayContaining(['topP']) },
      });
      const word: object = { ...greedy, topK: '5' };
      await expect(model.chat(word as typeof greedy)).rejects.toThrow('Expected an integer from 0 for topK, got "5".');
      await expect(model.chat({ ...greedy, adapter: 'strikt' })).rejects.toMatchObject({
        code: 'ADAPTER_NOT_FOUND',
        message: expect.stringContaining('Did you mean strict?'),
      });
    }));

  it('shares one environment with another model and a server, whatever ends first', async () => {
    await using one = await loadModel(base, { threads: 2, maxLength: 128 });
    await using two = await loadModel(base, { maxLength: 128, adapters: { second: second.output } });
    await using server = await serve({ base, adapters: folder, port: 0, servedName: 'tiny', threads: 2 });
    await one.dispose();
    await expect(loadModel(base, { threads: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect((await two.chat({ ...greedy, adapter: 'second' })).text).toBe('Open the app.');
    await two.dispose();
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'first', messages, max_tokens: 12, temperature: 0 }),
    });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Please call the bank.' } }] });
    await server.close();
    await server.close();
    expect(liveHandles()).toEqual({});
  });

  it('trains adapters that other bases refuse, unless they are told to take them', async () => {
    const trained = await openSafetensors(first.weights);
    expect(trained.metadata).toEqual({
      format: 'pt',
      [fingerprintKey]: await fingerprintBase(await openBaseModel(base)),
    });
    const foreign = join(folder, 'foreign');
    await cp(second.output, foreign, { recursive: true });
    const file = join(foreign, 'adapter_model.safetensors');
    const metadata = { [fingerprintKey]: `checkpoint-1:${'0'.repeat(64)}` };
    await writeSafetensors(file, (await parseSafetensors(await readFile(file), file)).tensors, { metadata });
    const mismatch = { code: 'ADAPTER_BASE_MISMATCH' };
    await expect(loadModel(base, { adapters: { foreign } })).rejects.toMatchObject(mismatch);
    await withModel(async (model) => {
      await expect(model.load('foreign', foreign)).rejects.toMatchObject(mismatch);
      expect(await model.load('foreign', foreign, { anyBase: true })).toBe(second.version);
    });
    await using model = await loadModel(base, { adapters: { foreign }, anyBase: true, maxLength: 128 });
    expect((await model.chat({ ...greedy, adapter: 'foreign' })).text).toBe('Open the app.');
  });

  it('gives no answers from a base whose file was written to, whether they have begun or not', async () => {
    const own = join(folder, 'own');
    await cp(base, own, { recursive: true });
    await using model = await loadModel(own, { adapters: { strict: first.output }, maxLength: 128 });
    await using file = await open(join(own, 'model.safetensors'), 'r+');
    const ask = async (): Promise<void> => {
      const answer = model.stream({ prompt: [1, 2, 3], maxTokens: 100, minTokens: 100 });
      let isFirst = true;
      for await (const _ of answer) {
        if (isFirst) await file.write(new Uint8Array(4), 0, 4, 100_000);
        isFirst = false;
      }
      return ask(); // until it has been noticed
    };
    const changed = { code: 'BASE_CHANGED', message: expect.stringContaining('model.safetensors') as string };
    await expect(ask()).rejects.toMatchObject(changed);
    await expect(model.chat(greedy)).rejects.toMatchObject(changed);
    await expect(model.score({ text: 'x' })).rejects.toMatchObject(changed);
    await expect(model.load('more', second.output)).rejects.toMatchObject(changed);
    await model.unload('strict');
  });

  it('answers from a private copy, whatever happens to the base, and removes the copy at the end', async () => {
    const [own, copies] = [join(folder, 'original'), join(folder, 'copies')];
    await cp(base, own, { recursive: true });
    await mkdir(copies);
    const model = await loadModel(own, { copyBase: copies, maxLength: 128 });
    const before = await model.chat(greedy);
    await truncate(join(own, 'model.safetensors'), 4096);
    await writeFile(join(own, 'config.json'), '{');
    expect((await model.chat(greedy)).tokens).toEqual(before.tokens);
    expect(await readdir(copies)).toHaveLength(1);
    await model.dispose();
    expect(await readdir(copies)).toEqual([]);
  });

  it('is of no use after its end, which may come twice', async () => {
    const model = await loadModel(base, { threads: 2, maxLength: 128 });
    await model.dispose();
    await model.dispose();
    const disposed = { code: 'DISPOSED' };
    await expect(model.chat(greedy)).rejects.toMatchObject(disposed);
    await expect(model.stream(greedy).next()).rejects.toMatchObject(disposed);
    await expect(model.score({ text: 'x' })).rejects.toMatchObject(disposed);
    await expect(model.load('strict', first.output)).rejects.toMatchObject(disposed);
    await expect(model.unload('strict')).rejects.toMatchObject(disposed);
  });

  it('leaves nothing open where an adapter cannot be read', async () => {
    const nowhere = loadModel(base, { adapters: { strict: join(folder, 'nowhere') } });
    await expect(nowhere).rejects.toBeInstanceOf(EspalierError);
    expect(liveHandles()).toEqual({});
  });
});
