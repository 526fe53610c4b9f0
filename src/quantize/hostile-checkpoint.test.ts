import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandomBase, openBaseModel, verifyWeights } from '../models/index.ts';
import { tinyConfig } from '../models/testing/fixtures.ts';
import { loadSafetensors, tensorOf, writeSafetensors, zerosOf, type TensorData } from '../tensor/index.ts';
import { quantizeBase, type QuantizeOptions } from './quantize-base.ts';

type Tensors = Map<string, TensorData>;

const path = 'model.layers.1.mlp.up_proj';
const plain: QuantizeOptions = { scheme: 'blocks', bits: 4, blockSize: 16, activations: 'int8', keep: [] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-hostile-'));
  await createRandomBase({ config: tinyConfig, dir: join(folder, 'base'), seed: 2 });
});
afterEach(() => rm(folder, { recursive: true }));

/** A quantized checkpoint whose tensors were changed. */
async function changed(change: (tensors: Tensors) => void, options: Partial<QuantizeOptions> = {}): Promise<string> {
  const dir = join(folder, 'quantized');
  await quantizeBase(await openBaseModel(join(folder, 'base')), dir, { ...plain, ...options });
  const file = join(dir, 'model.safetensors');
  const { tensors } = await loadSafetensors(file);
  change(tensors);
  await writeSafetensors(file, tensors);
  return dir;
}

const bytes = (shape: number[]): TensorData => zerosOf('uint8', shape);

describe('a quantized checkpoint', () => {
  it.each<[string, (tensors: Tensors) => unknown, RegExp]>([
    ['lacks its scales', (t) => t.delete(`${path}.scales`), /up_proj\.scales/],
    ['has scales of another type', (t) => t.set(`${path}.scales`, zerosOf('float16', [40, 2])), /scales is float16/],
    [
      'has too few scales',
      (t) => t.set(`${path}.scales`, zerosOf('float32', [40, 1])),
      /\[40, 1\], expected float32 \[40, 2\]/,
    ],
    ['has rows that are not its own', (t) => t.set(`${path}.weight`, bytes([41, 2, 8])), /expected uint8 \[40, 2, 8\]/],
    [
      'has blocks of another size',
      (t) => t.set(`${path}.weight`, bytes([40, 2, 4])),
      /up_proj\.weight is uint8 \[40, 2, 4\]/,
    ],
    ['has one axis too many', (t) => t.set(`${path}.weight`, bytes([40, 2, 8, 1])), /\[40, 2, 8, 1\]/],
    ['has no axes', (t) => t.set(`${path}.weight`, bytes([])), /up_proj\.weight is uint8 \[\]/],
    ['has zero points that do not fit', (t) => t.set(`${path}.zero_points`, bytes([40, 2])), /zero_points/],
    [
      'has zero points of nothing',
      (t) => t.set('model.norm.zero_points', bytes([2])),
      /model\.norm\.zero_points is unexpected/,
    ],
    ['has norms of bytes', (t) => t.set('model.norm.weight', bytes([32])), /model\.norm\.weight is uint8/],
    ['has an embedding in no blocks', embedInBytes, /embed_tokens\.weight is an embedding/],
  ])('is refused when it %s', async (_, change, message) => {
    const opened = openBaseModel(await changed(change));
    await expect(opened).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_MISMATCH' });
    await expect(opened).rejects.toThrow(message);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('is refused when a scale is %d', async (value) => {
    const dir = await changed((tensors) => {
      tensors.set(`${path}.scales`, tensorOf('float32', [40, 2], new Float32Array(80).fill(value, 3, 4)));
    });
    const base = await openBaseModel(dir);
    await expect(verifyWeights(base)).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FINITE' });
    await expect(verifyWeights(base)).rejects.toThrow(/up_proj\.scales/);
  });

  it('is refused when its products of bytes have zero points', async () => {
    const dir = await changed((tensors) => void tensors.set(`${path}.zero_points`, bytes([40])), { scheme: 'int8' });
    await expect(openBaseModel(dir)).rejects.toThrow(/zero_points is unexpected/);
  });

  it('brings everything of the folder but the weights, and says what it is', async () => {
    const dir = await changed(() => undefined);
    expect(JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'))).toMatchObject({
      model_type: 'llama',
      quantization_config: { quant_method: 'espalier', format: 1, scheme: 'blocks', bits: 4, block_size: 16 },
    });
  });
});

function embedInBytes(tensors: Tensors): void {
  tensors.set('model.embed_tokens.weight', bytes([32, 48]));
  tensors.set('model.embed_tokens.scales', zerosOf('float32', [48]));
}
