import { describe, expect, it } from 'vitest';

import { LimitedRunner } from './limited-runner.ts';
import type { SlotStore } from './slot-store.ts';
import {
  runStep,
  type DecodeStep,
  type PrefillStep,
  type Step,
  type StepOutput,
  type StepRunner,
} from './step-runner.ts';
import { tryDecode } from './try-decode.ts';

const sizes = { slots: 4, maxLength: 64, vocabulary: 50 };

interface Flaws {
  /** A run of several prompt tokens gives something else. */
  readonly chunks?: boolean;
  /** Places are counted from the longest row. */
  readonly lengths?: boolean;
  /** Rows change each other. */
  readonly rows?: boolean;
  /** A batch of more than one row is refused. */
  readonly refusesRows?: boolean;
}

/** A model of sums: the answer to a row is what its tokens and their places add up to, and a flaw changes it. */
class FakeRunner implements StepRunner {
  readonly runs: number[] = [];
  readonly #flaws: Flaws;
  readonly #places = Array.from({ length: sizes.slots }, () => new Float64Array(sizes.maxLength));

  constructor(flaws: Flaws = {}) {
    this.#flaws = flaws;
  }

  readonly slots: SlotStore = {
    copy: ({ from, to, length }) => {
      this.#places[to]?.set(this.#places[from]?.subarray(0, length) ?? []);
      return Promise.resolve();
    },
    export: () => Promise.reject(new Error('not in this test')),
    import: () => Promise.reject(new Error('not in this test')),
  };
  #step: Step | undefined;

  prepare(step: Step): Promise<void> {
    this.#step = step;
    return Promise.resolve();
  }

  run(): Promise<StepOutput> {
    if (this.#step === undefined) return Promise.reject(new Error('no step was prepared'));
    return this.#step.kind === 'decode' ? this.#decode(this.#step) : this.#prefill(this.#step);
  }

  #prefill({ slot, tokens, start, end }: PrefillStep): Promise<StepOutput> {
    this.runs.push(end - start);
    const flaw = this.#flaws.chunks && end - start > 1 ? 0.5 : 0;
    for (let place = start; place < end; place++) this.#put(slot, place, Number(tokens[place]) * (place + 1) + flaw);
    return Promise.resolve({ rows: [this.#answer(slot, end)] });
  }

  #decode({ rows: batch, slot }: DecodeStep): Promise<StepOutput> {
    this.runs.push(batch.length);
    if (this.#flaws.refusesRows && batch.length > 1) return Promise.reject(new Error('batch is 1'));
    const longest = Math.max(...batch.map(({ length }) => length));
    const [first] = batch;
    const flaw = this.#flaws.rows && batch.some(({ lastToken }) => lastToken !== first?.lastToken) ? 0.5 : 0;
    const rows = batch.map(({ length, lastToken }, row) => {
      this.#put(slot + row, length, lastToken * ((this.#flaws.lengths ? longest : length) + 1) + flaw);
      return this.#answer(slot + row, length + 1);
    });
    return Promise.resolve({ rows });
  }

  dispose(): void {
    this.runs.length = 0;
  }

  #put(slot: number, place: number, value: number): void {
    const row = this.#places[slot];
    if (row) row[place] = value;
  }

  #answer(slot: number, length: number): Float32Array {
    const sum = this.#places[slot]?.subarray(0, length).reduce((total, value) => total + value, 0) ?? NaN;
    return new Float32Array(sizes.vocabulary).fill(sum);
  }
}

const able = { takesChunks: true, rows: 'any' } as const;

describe('tryDecode', () => {
  it.each([
    { flaws: {}, abilities: able },
    { flaws: { chunks: true }, abilities: { ...able, takesChunks: false } },
    { flaws: { lengths: true }, abilities: { ...able, rows: 'equal' } },
    { flaws: { rows: true }, abilities: { ...able, rows: 'alone' } },
    { flaws: { refusesRows: true }, abilities: { ...able, rows: 'alone' } },
    { flaws: { chunks: true, lengths: true }, abilities: { takesChunks: false, rows: 'equal' } },
  ])('finds what a graph with the flaws $flaws gets right', async ({ flaws, abilities }) => {
    expect(await tryDecode(new FakeRunner(flaws), sizes)).toEqual(abilities);
  });

  it('tries no rows together where there is one slot, and promises nothing where there is no room to try', async () => {
    const refusing = new FakeRunner({ refusesRows: true });
    expect(await tryDecode(refusing, { ...sizes, slots: 1 })).toEqual(able);
    expect(await tryDecode(new FakeRunner(), { ...sizes, maxLength: 8 })).toEqual({
      takesChunks: false,
      rows: 'alone',
    });
  });
});

describe('LimitedRunner', () => {
  const batch = [3, 3, 5, 5].map((length, row) => ({ lastToken: 2 + row, length, adapters: [] }));
  const step: Step = { kind: 'decode', slot: 0, rows: batch, candidates: Infinity };

  it.each([
    { flaws: { lengths: true }, abilities: { ...able, rows: 'equal' as const }, runs: [2, 2] },
    { flaws: { rows: true }, abilities: { ...able, rows: 'alone' as const }, runs: [1, 1, 1, 1] },
  ])('runs as many rows together as $abilities.rows allows, and answers as without the flaw', async (given) => {
    const runner = new FakeRunner(given.flaws);
    const limited = new LimitedRunner(runner, { ...sizes, abilities: given.abilities });
    const { rows } = await runStep(limited, step);
    expect(runner.runs).toEqual(given.runs);
    expect(rows).toEqual((await runStep(new FakeRunner(), step)).rows);
  });

  it('gives a prompt token by token to a graph that takes no more', async () => {
    const runner = new FakeRunner({ chunks: true });
    const limited = new LimitedRunner(runner, { ...sizes, abilities: { ...able, takesChunks: false } });
    const prefill: PrefillStep = {
      kind: 'prefill',
      slot: 1,
      tokens: [4, 5, 6, 7],
      start: 0,
      end: 4,
      adapters: [],
      logits: 'last',
    };
    const alone = async (end: number): Promise<unknown> => {
      return (await runStep(new FakeRunner(), { ...prefill, end })).rows[0];
    };
    const reported = await runStep(limited, { ...prefill, logits: 'every' });
    expect((await runStep(limited, prefill)).rows).toEqual([await alone(4)]);
    expect([reported.rows[3], reported.rows[1]]).toEqual([await alone(4), await alone(2)]);
    expect(Math.max(...runner.runs)).toBe(1);
  });
});
