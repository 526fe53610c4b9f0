import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray } from '../../tensor/index.ts';
import { openServedEngine, type ServedEngine } from '../testing/served-engine.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';
import { createRandomAdapter } from '../testing/random-adapter.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));

let environment: Environment;
beforeEach(() => {
  environment = openEnvironment({ threads: 1 });
});
afterEach(() => {
  environment.dispose();
  assertNothingAlive();
});

interface DoraCase {
  readonly base: BaseModel;
  readonly dora: Adapter;
  /** On all linear modules, of DoRA's own rank, so that it takes the very rows that DoRA leaves. */
  readonly plain: Adapter;
  readonly row: readonly number[];
  /** What PEFT gives after each token of the row, by token id. */
  readonly logprobs: readonly (readonly number[])[];
}

async function openCase(name: string, graph: string): Promise<DoraCase> {
  const { model } = JSON.parse(await readFile(golden(`adapters/${name}/expected.json`), 'utf8')) as { model: string };
  const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
  const [ids, logits] = [tensors.get('input_ids'), tensors.get('logits')];
  if (!ids || !logits) throw new TypeError('the golden case has changed');
  const base = await openBaseModel(golden(`${model}/${graph}`));
  const [length = 0, vocab = 0] = logits.shape.slice(1);
  const values = toFloat32(logits);
  const linears = base.modules.filter(({ kind = 'linear', path }) => kind === 'linear' && path !== 'lm_head');
  const dora = await loadPeftAdapter(golden(`adapters/${name}/adapter`), base.modules);
  const rank = Math.max(...Array.from(dora.modules.values(), (weights) => weights.rank));
  return {
    base,
    dora,
    plain: createRandomAdapter({ linears, rank, seed: 5 }),
    row: Array.from(typedArray(ids), Number).slice(0, length),
    logprobs: Array.from({ length }, (_, i) => normalized([...values.subarray(i * vocab, (i + 1) * vocab)])),
  };
}

function normalized(logits: readonly number[]): number[] {
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
  return logits.map((value) => value - total);
}

interface Question {
  readonly tokens: readonly number[];
  readonly adapters?: readonly { readonly name: string; readonly scale?: number }[];
  readonly maxTokens?: number;
}

function ask(engine: ServedEngine, { maxTokens = 6, ...question }: Question, vocab: number): Promise<GeneratedToken[]> {
  return collect(engine.generate({ ...question, maxTokens, stopTokenIds: [], logprobs: { top: vocab } }));
}

function logprobsOf({ topLogprobs = [] }: GeneratedToken): number[] {
  const found = new Map(topLogprobs.map(({ token, logprob }) => [token, logprob]));
  return Array.from({ length: found.size }, (_, token) => found.get(token) ?? NaN);
}

/** The largest difference of a log-probability in two answers; infinite where their tokens differ. */
function difference(a: readonly GeneratedToken[], b: readonly GeneratedToken[]): number {
  if (a.length !== b.length || a.some(({ token }, i) => token !== b[i]?.token)) return Infinity;
  return Math.max(...a.flatMap((one, i) => differences(logprobsOf(one), logprobsOf(b[i] ?? one))));
}

function differences(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => Math.abs(value - (b[i] ?? NaN)));
}

describe.each([
  ['dora', 'model'],
  ['dora-gpt2', 'model'],
  ['dora-gpt2', 'torch-export'],
])('an engine with DoRA: %s on %s', (name, graph) => {
  let opened: DoraCase;
  let engine: ServedEngine;
  beforeEach(async () => {
    opened = await openCase(name, graph);
    const { base, dora } = opened;
    const rank = Math.max(...Array.from(dora.modules.values(), (weights) => weights.rank));
    // Room for two adapters and no more.
    engine = await openServedEngine({
      base,
      environment,
      maxSlots: 3,
      prefillChunk: 4,
      adapterRows: 2 * rank,
      dora: true,
    });
  });
  afterEach(() => engine.dispose());

  it('gives what PEFT gives after every token of a row', async () => {
    const { dora, row, logprobs } = opened;
    await engine.adapters.load('dora', dora);
    const vocab = logprobs[0]?.length ?? 0;
    for (let length = 1; length <= row.length; length++) {
      const question = { tokens: row.slice(0, length), adapters: [{ name: 'dora' }], maxTokens: 1 };
      const [first] = await ask(engine, question, vocab);
      const expected = logprobs[length - 1] ?? [];
      expect(first?.token).toBe(expected.indexOf(Math.max(...expected)));
      expect(Math.max(...differences(expected, first ? logprobsOf(first) : []))).toBeLessThan(1e-4);
    }
  });

  it('gives rows of DoRA, of LoRA and of the base in one batch what each gets alone', async () => {
    const { dora, plain, row: tokens, logprobs } = opened;
    await engine.adapters.load('plain', plain);
    await engine.adapters.load('dora', dora);
    const vocab = logprobs[0]?.length ?? 0;
    const questions = [[{ name: 'dora' }], [{ name: 'plain' }], []].map((adapters) => ({ tokens, adapters }));
    const alone: GeneratedToken[][] = [];
    for (const question of questions) alone.push(await ask(engine, question, vocab));
    const together = await Promise.all(questions.map((question) => ask(engine, question, vocab)));
    const errors = together.map((answer, i) => difference(answer, alone[i] ?? []));
    expect(Math.max(...errors)).toBeLessThan(1e-4);
    const [first, second, third] = alone.map(([token]) => (token ? logprobsOf(token) : []));
    expect(Math.max(...differences(first ?? [], third ?? []))).toBeGreaterThan(0.01);
    expect(Math.max(...differences(second ?? [], third ?? []))).toBeGreaterThan(0.01);
  });

  it('leaves no gain behind in rows that the next adapter gets', async () => {
    const { base, dora, plain, row: tokens, logprobs } = opened;
    const vocab = logprobs[0]?.length ?? 0;
    const question = { tokens, adapters: [{ name: 'one' }] };
    await engine.adapters.load('one', dora);
    await ask(engine, question, vocab);
    await engine.adapters.unload('one');
    await engine.adapters.load('one', plain);
    const without = await openServedEngine({ base, environment, maxSlots: 1 });
    try {
      await without.adapters.load('one', plain);
      expect(difference(await ask(engine, question, vocab), await ask(without, question, vocab))).toBeLessThan(1e-4);
    } finally {
      await without.dispose();
    }
  });

  it('moves a name from DoRA to LoRA and back', async () => {
    const { dora, plain, row: tokens, logprobs } = opened;
    const vocab = logprobs[0]?.length ?? 0;
    const question = { tokens, adapters: [{ name: 'one' }] };
    await engine.adapters.load('one', dora);
    const first = await ask(engine, question, vocab);
    await engine.adapters.replace('one', plain);
    await ask(engine, { ...question, adapters: [{ name: 'one', scale: 0.5 }] }, vocab);
    await engine.adapters.replace('one', dora);
    expect(difference(await ask(engine, question, vocab), first)).toBeLessThan(1e-5);
  });

  it.each([
    ['at half its strength', [{ name: 'dora', scale: 0.5 }]],
    ['beside another adapter', [{ name: 'dora' }, { name: 'plain' }]],
    ['behind another adapter', [{ name: 'plain' }, { name: 'dora' }]],
    ['twice', [{ name: 'dora' }, { name: 'dora' }]],
  ])('refuses a DoRA adapter %s, and lets go of it', async (_, adapters) => {
    const { dora, plain, row: tokens } = opened;
    await engine.adapters.load('plain', plain);
    await engine.adapters.load('dora', dora);
    expect(() => engine.generate({ tokens, adapters, maxTokens: 1 })).toThrow(
      expect.objectContaining({ code: 'GENERATION_OPTION_INVALID' }),
    );
    expect(engine.adapters.list().map(({ leases }) => leases)).toEqual([0, 0]);
  });
});
