import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createRandom } from '../core/index.ts';
import { openGraph } from '../execution/index.ts';
import { type BaseModel, createRandomBase, dequantizeRows, openBaseModel } from '../models/index.ts';
import { GraphBuilder } from '../models/graph/graph-builder.ts';
import { linear } from '../models/graph/linear.ts';
import { tinyConfig } from '../models/testing/fixtures.ts';
import { maxDifference } from '../models/testing/golden.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { quantizeBase, type QuantizeOptions } from './quantize-base.ts';
import { WeightReader } from './weight-reader.ts';

// Rows of 40 numbers: no multiple of the blocks.
const path = 'model.layers.0.mlp.down_proj';
const [width, out] = [40, 32];
const schemes = {
  '4 bits': { bits: 4 },
  '8 bits': { bits: 8 },
  int8: { scheme: 'int8' },
} as const;

/** The form of `int8` that earlier builds wrote. */
const unsigned = 'int8, unsigned';

let environment: Environment;
let folder: string;
const bases = new Map<string, BaseModel>();
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-linear-'));
  await createRandomBase({ config: tinyConfig, dir: join(folder, 'base'), seed: 2 });
  const base = await openBaseModel(join(folder, 'base'));
  for (const [name, options] of Object.entries(schemes)) {
    const plain: QuantizeOptions = { scheme: 'blocks', bits: 8, blockSize: 16, activations: 'int8', keep: [] };
    await quantizeBase(base, join(folder, name), { ...plain, ...options });
    bases.set(name, await openBaseModel(join(folder, name)));
  }
  await withUnsignedBytes(join(folder, 'int8'), join(folder, unsigned));
  bases.set(unsigned, await openBaseModel(join(folder, unsigned)));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

function rows(count: number, scale = 1): Float32Array {
  const random = createRandom(7, 'rows');
  return Float32Array.from({ length: count * width }, () => scale * random.normal());
}

/** Copies a checkpoint with unsigned bytes of zero point 128 in place of signed ones. */
async function withUnsignedBytes(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  const weights = join(to, 'model.safetensors');
  const file = await readFile(weights);
  const start = 8 + Number(file.readBigUInt64LE());
  const text = file.toString('utf8', 8, start);
  const header = z.record(
    z.string(),
    z.looseObject({ dtype: z.string().optional(), data_offsets: offsets.optional() }),
  );
  for (const { dtype, data_offsets: [begin, end] = [0, 0] } of Object.values(header.parse(JSON.parse(text)))) {
    if (dtype === 'I8') for (let i = start + begin; i < start + end; i++) file[i] = (file[i] ?? 0) ^ 128;
  }
  file.write(text.replaceAll('"I8"', '"U8"'), 8);
  await writeFile(weights, file);
}

const offsets = z.tuple([z.number(), z.number()]);

/** The layer's answer, by the operator that the checkpoint asks for. */
async function run(name: string, x: Float32Array, exact: boolean): Promise<Float32Array> {
  const { dir, weights } = bases.get(name) ?? never();
  const builder = new GraphBuilder({ graphName: 'linear', weights, exact });
  const input = builder.graph.addInput('x', 'float32', ['tokens', width]);
  const y = linear(builder, input, { path, in: width, out, bias: false });
  builder.graph.rename(y, 'y');
  builder.graph.addOutput(y);
  using graph = await openGraph(builder.model, { environment, baseDir: dir });
  const { y: result } = await runOnce(graph.session, { x: tensorOf('float32', [x.length / width, width], x) });
  return toFloat32(result ?? never());
}

/** The same by a product of our own with the dequantized matrix, in doubles. */
async function reference(name: string, x: Float32Array): Promise<number[]> {
  const base = bases.get(name) ?? never();
  const ref = base.weights.get(`${path}.weight`) ?? never();
  const quantized = ref.quantized ?? never();
  if (quantized.kind !== 'blocks' && quantized.kind !== 'int8') throw new Error('Espalier writes no such matrix');
  await using reader = new WeightReader(base);
  const zeroPoints = quantized.kind === 'blocks' ? quantized.zeroPoints : undefined;
  const matrix = dequantizeRows(quantized, {
    packed: await reader.bytes(ref),
    scales: await reader.floats(quantized.scales),
    zeroPoints: zeroPoints && (await reader.bytes(zeroPoints)),
  });
  return Array.from({ length: (x.length / width) * out }, (_, i) => {
    const [token, row] = [Math.floor(i / out), i % out];
    let sum = 0;
    for (let column = 0; column < width; column++) {
      sum += (x[token * width + column] ?? 0) * (matrix[row * width + column] ?? 0);
    }
    return sum;
  });
}

function never(): never {
  throw new Error('it is there');
}

describe.each([...Object.keys(schemes), unsigned])('a linear layer of %s', (name) => {
  it.each([1, 2, 33])('is the product with its dequantized matrix, for %i tokens', async (tokens) => {
    const x = rows(tokens);
    expect(maxDifference(await run(name, x, true), await reference(name, x))).toBeLessThan(1e-5);
  });

  it.each([1, 2, 33])('serves that with what comes in rounded to 8 bits, for %i tokens', async (tokens) => {
    const x = rows(tokens);
    const wanted = await reference(name, x);
    const largest = Math.max(...wanted.map(Math.abs));
    expect(maxDifference(await run(name, x, false), wanted) / largest).toBeLessThan(0.02);
  });

  it('answers a token the same whatever else is in the batch', async () => {
    const mixed = Float32Array.from([...rows(1), ...rows(3, 1000)]);
    const [alone, together] = [await run(name, rows(1), false), await run(name, mixed, false)];
    expect(maxDifference(together.subarray(0, out), alone)).toBeLessThan(1e-5);
  });

  it('takes a token of zeros', async () => {
    expect(new Set(await run(name, new Float32Array(2 * width), false))).toEqual(new Set([0]));
  });
});
