import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';
import { breathe, createRandom } from '../core/index.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { quantizeBase, type QuantizeOptions } from '../quantize/index.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { createRandomAdapter } from './testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';

const kinds: Readonly<Record<string, Partial<QuantizeOptions> | undefined>> = {
  f32: undefined,
  int8: { scheme: 'int8' },
  '8 bits': { bits: 8 },
  '4 bits': { bits: 4 },
};
const ranks = [1, 3, 8, 16];

interface Row {
  /** 0: the base. */
  readonly rank: number;
  readonly promptLength: number;
  readonly promptSeed: number;
  readonly maxTokens: number;
  readonly turns: number;
  readonly class: 'foreground' | 'background';
  /** Tokens after which its reader leaves. */
  readonly leavesAfter: number | undefined;
}

const row: fc.Arbitrary<Row> = fc.record({
  rank: fc.constantFrom(0, ...ranks),
  promptLength: fc.integer({ min: 1, max: 40 }),
  promptSeed: fc.integer({ min: 0, max: 3 }),
  maxTokens: fc.integer({ min: 6, max: 14 }),
  turns: fc.integer({ min: 0, max: 3 }),
  class: fc.constantFrom('foreground', 'background'),
  leavesAfter: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
});

const plainRow = { promptLength: 12, maxTokens: 14, turns: 0, leavesAfter: undefined } as const;

/** The background holds all slots when the others come, where other engines preempt; prompts begin alike, and one reader leaves. */
const pressing: readonly Row[] = [
  ...[1, 3, 8].map((rank): Row => ({ ...plainRow, rank, promptSeed: 1, class: 'background' })),
  { ...plainRow, rank: 16, promptSeed: 2, promptLength: 40, class: 'foreground' },
  { ...plainRow, rank: 0, promptSeed: 2, class: 'foreground' },
  { ...plainRow, rank: 3, promptSeed: 3, leavesAfter: 1, class: 'foreground' },
];

let environment: Environment;
let folder: string;
const bases = new Map<string, BaseModel>();
beforeAll(async () => {
  environment = openEnvironment({ threads: 2 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-invariant-'));
  const source = await openBaseModel(fileURLToPath(new URL('../../demo/base', import.meta.url)));
  for (const [name, options] of Object.entries(kinds)) {
    const plain: QuantizeOptions = { scheme: 'blocks', bits: 8, blockSize: 32, activations: 'int8', keep: [] };
    if (options) await quantizeBase(source, join(folder, name), { ...plain, ...options });
    bases.set(name, options ? await openBaseModel(join(folder, name)) : source);
  }
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
  assertNothingAlive();
});

async function open(kind: string, batchInvariant: boolean): Promise<ServedEngine> {
  const base = bases.get(kind);
  if (base === undefined) throw new RangeError(kind);
  const sizes = { maxSlots: 3, maxLength: 64, prefillChunk: 16, adapterRows: 64 };
  const engine = await openServedEngine({ base, environment, batchInvariant, ...sizes });
  const linears = base.modules.filter(({ kind: of, path }) => of !== 'embedding' && path !== 'lm_head');
  for (const rank of ranks) await engine.adapters.load(`r${rank}`, createRandomAdapter({ linears, rank, seed: rank }));
  return engine;
}

/** The logits of each step of an answer, as digests of their bytes. */
async function bitsOf(
  engine: ServedEngine,
  { rank, leavesAfter = Infinity, ...given }: Row,
  onToken = (): void => undefined,
): Promise<string[]> {
  const random = createRandom(given.promptSeed, 'prompt');
  const steps: string[] = [];
  const change = (logits: Float32Array): void => void steps.push(sha256Of(logits));
  const stream = engine.generate({
    tokens: Array.from({ length: given.promptLength }, () => random.integer(2048)),
    adapters: rank === 0 ? [] : [{ name: `r${rank}` }],
    maxTokens: given.maxTokens,
    class: given.class,
    stopTokenIds: [],
    logitsFunctions: [{ name: 'watch', change }],
  });
  let tokens = 0;
  for await (const _ of stream) {
    onToken();
    if (++tokens >= leavesAfter) break;
  }
  return steps.slice(0, Math.min(leavesAfter, given.maxTokens));
}

function sha256Of(logits: Float32Array): string {
  const bytes = new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Those of the background come first, and the others when one of them has begun, so that they take their slots. */
async function together(engine: ServedEngine, rows: readonly Row[]): Promise<string[][]> {
  const answers: Promise<string[]>[] = rows.map(() => Promise.resolve([]));
  let onBegin = (): void => undefined;
  const hasBegun = new Promise<void>((resolve) => (onBegin = resolve));
  for (const wanted of ['background', 'foreground']) {
    if (wanted === 'foreground' && rows.some((one) => one.class === 'background')) await hasBegun;
    for (const [place, one] of rows.entries()) {
      if (one.class !== wanted) continue;
      for (let turn = 0; turn < one.turns; turn++) await breathe();
      answers[place] = bitsOf(engine, one, onBegin);
    }
  }
  return Promise.all(answers);
}

const rows = fc.array(row, { minLength: 6, maxLength: 9, size: 'max' });

describe.each(crossSection(Object.keys(kinds), 4, 1))('a batch-invariant engine at %s', (kind) => {
  it('computes in any batch the bits of each request alone, which are those of any engine', async () => {
    await using engine = await open(kind, true);
    await using plain = await open(kind, false);
    await fc.assert(
      fc.asyncProperty(rows, async (batch) => {
        const alone: string[][] = [];
        for (const one of batch) alone.push(await bitsOf(engine, one));
        expect(await together(engine, batch)).toEqual(alone);
      }),
      { examples: [[[...pressing]]], numRuns: 4, seed: 3, endOnFailure: true },
    );
    const { requests, prefixes } = engine.stats();
    expect(requests.cancelled).toBeGreaterThan(0);
    // The mode is exact because it does neither: keys of a prompt come from its own run, and a sequence keeps its slot to the end.
    expect({ preempted: requests.preempted, prefixes }).toEqual({ preempted: 0, prefixes: undefined });
    const sizes = Object.entries(engine.stats().batchSizes).filter(([size]) => Number(size) >= 3);
    expect(sizes.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(3);
    const one: Row = { rank: 8, promptLength: 30, promptSeed: 9, maxTokens: 8, turns: 0, class: 'foreground', leavesAfter: undefined }; // prettier-ignore
    expect(await bitsOf(plain, one)).toEqual(await bitsOf(engine, one));
  });
});

it('takes one adapter of a request', async () => {
  await using engine = await open('f32', true);
  const adapters = [{ name: 'r1' }, { name: 'r3' }];
  expect(() => engine.generate({ tokens: [1], maxTokens: 1, adapters })).toThrow(/adapters to be one adapter/);
});

it('says nothing if rows of a batch had the same bits anyway', async () => {
  const differing: string[] = [];
  for (const kind of ['f32', '4 bits']) {
    await using plain = await open(kind, false);
    const batch = [1, 3, 8, 16].map((rank): Row => {
      return { rank, promptLength: 12, promptSeed: rank, maxTokens: 6, turns: 0, class: 'foreground', leavesAfter: undefined }; // prettier-ignore
    });
    const alone: string[][] = [];
    for (const one of batch) alone.push(await bitsOf(plain, one));
    const joint = await together(plain, batch);
    if (JSON.stringify(joint) !== JSON.stringify(alone)) differing.push(kind);
  }
  expect(differing.length).toBeGreaterThan(0);
});
