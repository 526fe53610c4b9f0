import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSafetensors } from '../safetensors-reader.ts';
import { toFloat32, type TensorData } from '../tensor-data.ts';
import { decodeTensor } from './decoding.ts';
import type { BytePlace } from './unit-decoder.ts';
import { hasLevels, levelBits, type Ggml } from './ggml.ts';
import { ggmlFormats } from './ggml-formats.ts';

const path = fileURLToPath(new URL('../../../test/golden/gguf/blocks.safetensors', import.meta.url));
const { tensors } = await loadSafetensors(path);
const get = (name: string): TensorData => tensors.get(name) ?? expect.fail(`no ${name}`);

async function decoded(name: keyof typeof ggmlFormats, change: Partial<Ggml>): Promise<Uint8Array> {
  const { bytes } = get(`${name}.blocks`);
  const columns = 2 * ggmlFormats[name].elements;
  const decoding: Ggml = { form: 'ggml', type: name, part: 'floats', rows: 4, columns, places: {}, ...change };
  const read = async ({ offset, length }: BytePlace): Promise<Uint8Array> => bytes.subarray(offset, offset + length);
  return decodeTensor({ location: 'a', offset: 0, length: bytes.length, decoding }, read);
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);
const names = Object.keys(ggmlFormats) as (keyof typeof ggmlFormats)[];

describe.each(names)('%s', (name) => {
  it('has the numbers of llama.cpp', async () => {
    const expected = toFloat32(get(`${name}.expected`));
    expect(expected.some((value) => value !== 0)).toBe(true);
    expect(floats(await decoded(name, {}))).toEqual(expected);
  });

  it('puts interleaved rows of heads back', async () => {
    const plain = floats(await decoded(name, {}));
    const width = plain.length / 4;
    const row = (values: Float32Array, i: number): Float32Array => values.subarray(i * width, (i + 1) * width);
    const turned = floats(await decoded(name, { heads: 1 }));
    expect([0, 1, 2, 3].map((i) => row(turned, i))).toEqual([0, 2, 1, 3].map((i) => row(plain, i)));
  });
});

describe.each(names.filter(hasLevels))('%s', (name) => {
  it('has levels and scales whose products are its numbers', async () => {
    const bits = levelBits[name];
    const levels = await decoded(name, { part: 'levels' });
    const scales = floats(await decoded(name, { part: 'scales' }));
    const values = Float32Array.from({ length: 4 * 64 }, (_, i) => {
      const level = bits === 8 ? levels[i] : ((levels[i >> 1] ?? 0) >> (4 * (i % 2))) & 15;
      return ((level ?? 0) - 2 ** (bits - 1)) * (scales[i >> 5] ?? 0);
    });
    expect(values).toEqual(toFloat32(get(`${name}.expected`)));
  });
});
