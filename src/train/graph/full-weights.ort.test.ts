import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandomBase, openBaseModel, type BaseModel } from '../../models/index.ts';
import { loadSafetensors, type TensorData } from '../../tensor/index.ts';
import { fullTrainable } from './full-trainable.ts';
import { ParameterArena } from './parameter-arena.ts';

const config = {
  kind: 'decoder',
  family: 'llama',
  vocabSize: 400,
  hiddenSize: 192,
  intermediateSize: 16,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 32,
  tiedEmbeddings: true,
  attentionBias: false,
  mlpBias: false,
  initializerRange: 0.02,
} as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-full-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function randomBase(dtype: 'float32' | 'float16' | 'bfloat16'): Promise<BaseModel> {
  const dir = join(folder, dtype);
  // Small files, so that the base has shards.
  await createRandomBase({ config, dir, seed: 3, dtype, maxFileBytes: 100_000 });
  await writeFile(join(dir, 'tokenizer.json'), '{"mine":true}');
  return openBaseModel(dir);
}

async function saved(base: BaseModel, dtype: 'float32' | 'base') {
  const trainable = fullTrainable(base, { dtype });
  using arena = new ParameterArena([...base.weights.values()]);
  await trainable.initialize(arena);
  const dir = join(folder, `saved-${dtype}`);
  await trainable.save(dir, arena);
  const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
  return { dir, tensors };
}

/** WHY as text: element by element, some 100 kB are compared for seconds. */
function comparable(tensor: TensorData | undefined) {
  return tensor && { ...tensor, bytes: Buffer.from(tensor.bytes).toString('base64') };
}

describe.each(['float32', 'float16', 'bfloat16'] as const)('a full training of a %s base', (dtype) => {
  it('saves untouched weights bit for bit in the type of the base', async () => {
    const base = await randomBase(dtype);
    const { tensors } = await saved(base, 'base');
    for (const { name, location } of base.weights.values()) {
      const { tensors: shard } = await loadSafetensors(join(base.dir, location));
      expect(comparable(tensors.get(name))).toEqual(comparable(shard.get(name)));
    }
    expect(tensors.size).toBe(base.weights.size);
  });

  it('saves f32 otherwise, says so in the configuration, and brings the tokenizer', async () => {
    const base = await randomBase(dtype);
    const { dir, tensors } = await saved(base, 'float32');
    expect(new Set([...tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set(['float32']));
    expect(await readFile(join(dir, 'tokenizer.json'), 'utf8')).toBe('{"mine":true}');
    expect(JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'))).toMatchObject({ torch_dtype: 'float32' });
    expect((await openBaseModel(dir)).config).toEqual(base.config);
  });
});
