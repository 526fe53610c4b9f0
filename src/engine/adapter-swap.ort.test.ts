import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { breathe, createRandom } from '../core/index.ts';
import type { Adapter } from '../lora/index.ts';
import type { BaseModel } from '../models/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import { EngineArena } from './adapters/engine-arena.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collectIds } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';
import { createRandomAdapter } from './testing/random-adapter.ts';

const swaps = 1000;
const clients = 16;
const maxTokens = 24;
const variants = 6;

const prompts = [0, 1, 2].map((seed) => {
  const random = createRandom(seed, 'prompt');
  return Array.from({ length: 3 + 5 * seed }, () => random.integer(128));
});

interface Outcome {
  readonly answers: number;
  readonly failed: number;
  /** Answers that are not, token for token, what the version leased at the call gives alone. */
  readonly mixed: number;
  /** Requests that lived through at least one replacement. */
  readonly overtaken: number;
}

let environment: Environment;
let base: BaseModel;
/** Contents that take turns. Each replacement gives its own name to one, so that each is written anew. */
let contents: Adapter[];
/** The answer to each prompt, by content. */
let expected: string[][];

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  base = await openTestBase('llama');
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  contents = Array.from({ length: variants }, (_, i) => createRandomAdapter({ linears, rank: 4 + i, seed: i }));
  await using engine = await open();
  expected = [];
  for (const weights of contents) {
    await engine.adapters.load('policy', weights);
    const answers: string[] = [];
    for (const prompt of prompts) answers.push(await answerOf(engine, prompt));
    expected.push(answers);
    await engine.adapters.unload('policy');
  }
});

afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

function open(): Promise<ServedEngine> {
  return openServedEngine({ base, environment, maxSlots: clients, adapterRows: 256 });
}

async function answerOf(engine: ServedEngine, prompt: readonly number[]): Promise<string> {
  const request = { tokens: prompt, maxTokens, stopTokenIds: [], adapters: [{ name: 'policy' }] };
  return String(await collectIds(engine.generate(request)));
}

function versionOf(place: number): Adapter {
  const content = place % variants;
  const weights = contents[content];
  if (weights === undefined) throw new RangeError(`No content ${content}`);
  return { ...weights, digest: `${content}:${place}` };
}

/** Clients that ask again and again while one name is replaced, 1,000 times. */
async function replaceUnderLoad(engine: ServedEngine): Promise<Outcome> {
  const outcome = { answers: 0, failed: 0, mixed: 0, overtaken: 0 };
  let tokens = 0;
  let isReplacing = true;
  const ask = async (client: number): Promise<void> => {
    for (let turn = client; isReplacing; turn++) {
      const prompt = turn % prompts.length;
      try {
        const request = { tokens: prompts[prompt] ?? [], maxTokens, stopTokenIds: [], adapters: [{ name: 'policy' }] };
        const stream = engine.generate(request);
        const version = stream.adapters[0]?.version ?? '';
        const ids: number[] = [];
        for await (const { token } of stream) {
          ids.push(token);
          tokens++;
        }
        const answer = String(ids);
        outcome.answers++;
        if (answer !== expected[Number(version.split(':')[0])]?.[prompt]) outcome.mixed++;
        if (engine.adapters.list()[0]?.version !== version) outcome.overtaken++;
      } catch {
        outcome.failed++;
      }
    }
  };
  const asking = Array.from({ length: clients }, (_, client) => ask(client));
  for (let place = 1; place <= swaps; place++) {
    await engine.adapters.replace('policy', versionOf(place));
    // About one step of the batch between two replacements.
    for (const enough = tokens + clients; tokens < enough;) await breathe();
  }
  isReplacing = false;
  await Promise.all(asking);
  return outcome;
}

describe('1,000 replacements of one adapter under 16 clients', () => {
  it('stand on versions whose answers all differ', () => {
    for (const prompt of prompts.keys()) {
      expect(new Set(expected.map((answers) => answers[prompt])).size).toBe(variants);
    }
  });

  it('fail no request, and mix no answer', async () => {
    await using engine = await open();
    await engine.adapters.load('policy', versionOf(0));
    const outcome = await replaceUnderLoad(engine);
    expect(outcome).toMatchObject({ failed: 0, mixed: 0 });
    // It says nothing unless most answers really lived through replacements.
    expect(outcome.overtaken).toBeGreaterThan(clients);
    expect(engine.adapters.versions()).toHaveLength(1);
    expect(engine.stats().requests).toMatchObject({ failed: 0, cancelled: 0 });
  });

  it('are seen to mix answers when leases are ignored', async () => {
    await using engine = await open();
    await engine.adapters.load('policy', versionOf(0));
    const { arena } = engine.engine;
    if (!(arena instanceof EngineArena)) throw new TypeError('No arena');
    const activate = arena.activate.bind(arena);
    // The broken variant: the rows are let go at once, so that another version is written over what streams still read.
    arena.activate = async (claim) => {
      await activate(claim);
      arena.release(claim);
    };
    const outcome = await replaceUnderLoad(engine);
    expect(outcome.mixed).toBeGreaterThan(0);
  });
});
