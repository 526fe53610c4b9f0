import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { DecodeDriver } from '../models/testing/decode-driver.ts';
import { goldenDir } from '../models/testing/fixtures.ts';
import { loadGolden, maxDifference } from '../models/testing/golden.ts';
import { scoreRows } from '../models/testing/scoring-driver.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { dequantizeBase } from './dequantize-base.ts';
import { quantizeBase, type QuantizeOptions } from './quantize-base.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-quantize-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

const plain: QuantizeOptions = { scheme: 'blocks', bits: 8, blockSize: 16, activations: 'float32', keep: [] };

/** A golden base quantized, and the floats that it stands for. */
async function quantized(
  name: string,
  options: Partial<QuantizeOptions>,
): Promise<Record<'packed' | 'floats', BaseModel>> {
  const output = await mkdtemp(join(folder, 'base-'));
  const base = await openBaseModel(goldenDir(name, 'model'));
  await quantizeBase(base, join(output, 'packed'), { ...plain, ...options });
  const packed = await openBaseModel(join(output, 'packed'));
  await dequantizeBase(packed, join(output, 'floats'));
  return { packed, floats: await openBaseModel(join(output, 'floats')) };
}

/** The largest distance of logits, as a share of the largest logit. */
async function distance(a: BaseModel, b: BaseModel, rows: readonly (readonly number[])[]): Promise<number> {
  const [left, right] = [
    await scoreRows({ base: a, environment }, rows),
    await scoreRows({ base: b, environment }, rows),
  ];
  const largest = Math.max(...right.flatMap((row) => Array.from(row, Math.abs)));
  return Math.max(...left.map((row, i) => maxDifference(row, right[i] ?? []))) / largest;
}

/** A case for each thing that is different about linear layers and embeddings. */
const cases = [
  'llama',
  'qwen2', // biases
  'gpt2', // matrices turned over, biases, learned positions, a tied head
  'gemma3', // a scaled embedding
  'families/phi3-window', // packed queries, keys and values; packed gate and up
  'families/olmo2',
];

const schemes = [
  { what: '4 bits', options: { bits: 4 }, bound: 0.6 },
  { what: '8 bits', options: { bits: 8 }, bound: 0.06 },
  // On processors without VNNI the inputs are rounded to half as many levels.
  { what: 'int8', options: { scheme: 'int8' }, bound: 0.12 },
] as const;

describe.each(crossSection(cases, 3))('%s, quantized', (name) => {
  it.each(schemes)('to $what, stays near the base, token by token too', async ({ options, bound }) => {
    const { rows } = await loadGolden(name);
    const { packed } = await quantized(name, { ...options, activations: 'int8' });
    const base = await openBaseModel(goldenDir(name, 'model'));
    expect(await distance(packed, base, rows)).toBeLessThan(bound);
    const [row = []] = rows;
    const [scored = new Float32Array()] = await scoreRows({ base: packed, environment }, [row]);
    const largest = Math.max(...scored.map(Math.abs));
    using driver = await DecodeDriver.open(packed, environment, { slots: 1, maxLength: 32 });
    const { vocabSize } = packed.config;
    for (const [i, token] of row.entries()) {
      const logits = await driver.step([token]);
      // What differs in the last bit may round to another of 256 steps.
      expect(maxDifference(logits, scored.subarray(i * vocabSize, (i + 1) * vocabSize))).toBeLessThan(0.03 * largest);
    }
  });

  it.each(schemes.slice(0, 2))('to $what, computes what its floats do', async ({ options }) => {
    const { rows } = await loadGolden(name);
    const { packed, floats } = await quantized(name, options);
    expect(await distance(packed, floats, rows)).toBeLessThan(1e-5);
  });
});

/** Experts as three matrices, and as two that are stored turned over and have biases. */
describe.each(['families/olmoe', 'families/gpt-oss'])('%s, quantized', (name) => {
  it.each(schemes)('to $what, has quantized experts, and steps compute what whole rows do', async ({ options }) => {
    const { rows } = await loadGolden(name);
    const { packed } = await quantized(name, { ...options, activations: 'int8' });
    const experts = packed.experts ?? [];
    expect(experts.length).toBeGreaterThan(0);
    expect(experts.filter(({ path }) => packed.weights.get(`${path}.weight`)?.quantized === undefined)).toEqual([]);
    const [row = []] = rows;
    const [scored = new Float32Array()] = await scoreRows({ base: packed, environment }, [row]);
    using driver = await DecodeDriver.open(packed, environment, { slots: 1, maxLength: 32 });
    const { vocabSize } = packed.config;
    for (const [i, token] of row.entries()) {
      const logits = await driver.step([token]);
      const largest = Math.max(...logits.map(Math.abs));
      expect(maxDifference(logits, scored.subarray(i * vocabSize, (i + 1) * vocabSize))).toBeLessThan(0.03 * largest);
    }
  });

  it.each(schemes.slice(0, 2))('to $what, computes what its floats do', async ({ options }) => {
    const { rows } = await loadGolden(name);
    const { packed, floats } = await quantized(name, options);
    expect(await distance(packed, floats, rows)).toBeLessThan(1e-5);
  });
});

it.each([
  ['down_proj', /down_proj/],
  ['model.layers.0.mlp.experts.gate_up_proj', /layers\.0\..*(gate|up)_proj/],
])('leaves the experts that --keep %s names as they are', async (keep, pattern) => {
  const base = await openBaseModel(goldenDir('families/olmoe', 'model'));
  const output = join(await mkdtemp(join(folder, 'kept-')), 'packed');
  await quantizeBase(base, output, { ...plain, keep: [keep] });
  const packed = await openBaseModel(output);
  const isFloat = ({ path }: { readonly path: string }): boolean =>
    packed.weights.get(`${path}.weight`)?.quantized === undefined;
  const { experts = [] } = packed;
  expect(experts.filter(isFloat)).toEqual(experts.filter(({ path }) => pattern.test(path)));
});
