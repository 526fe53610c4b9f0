import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSafetensors } from '../safetensors-reader.ts';
import { toFloat32, type TensorData } from '../tensor-data.ts';
import type { BitsAndBytes4 } from './bits-and-bytes.ts';
import { decodeTensor, type DecodedTensor, type Decoding } from './decoding.ts';
import type { BytePlace } from './unit-decoder.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/foreign-quantization/${name}.safetensors`, import.meta.url));

/** The matrix of a golden case, whose tensors are files of their own. */
async function opened(name: string, decodingOf: (place: (tensor: string) => BytePlace) => Decoding) {
  const { tensors } = await loadSafetensors(golden(name));
  const get = (key: string): TensorData => {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new Error(`${name} has no ${key}`);
    return tensor;
  };
  const place = (key: string): BytePlace => ({ location: key, offset: 0, length: get(key).bytes.length });
  const tensor: DecodedTensor = { ...place('qweight'), decoding: decodingOf(place) };
  const read = async ({ location, offset, length }: BytePlace): Promise<Uint8Array> =>
    get(location).bytes.subarray(offset, offset + length);
  return { tensor, read, expected: toFloat32(get('expected')) };
}

const four =
  (change: Partial<BitsAndBytes4>, isNested = false) =>
  (place: (tensor: string) => BytePlace): Decoding => ({
    form: 'bitsandbytes4',
    count: 640,
    blockSize: 64,
    rounding: 'float32',
    ...change,
    places: {
      absmax: place('absmax'),
      map: place('quant_map'),
      ...(isNested && { nestedAbsmax: place('nested_absmax'), nestedMap: place('nested_map') }),
    },
  });

const cases: readonly [string, (place: (tensor: string) => BytePlace) => Decoding][] = [
  ['nf4', four({ rounding: 'bfloat16' })],
  ['nf4-nested', four({ rounding: 'float16', nested: { blockSize: 4, offset: 0.043 } }, true)],
  ['fp4', four({})],
  ['int8-rows', (place) => ({ form: 'bitsandbytes8', rows: 16, columns: 40, places: { scales: place('scales') } })],
];

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);

describe.each(cases)('a matrix of bitsandbytes: %s', (name, decodingOf) => {
  it('has the numbers of its formula', async () => {
    const { tensor, read, expected } = await opened(name, decodingOf);
    expect(floats(await decodeTensor(tensor, read))).toEqual(expected);
  });

  it('is decoded in parts as in the whole', async () => {
    const { tensor, read, expected } = await opened(name, decodingOf);
    for (const [start, end] of [[0, 1] as const, [63, 130] as const, [577, 640] as const]) {
      const bytes = await decodeTensor(tensor, read, { start: 4 * start, length: 4 * (end - start) });
      expect(floats(bytes)).toEqual(expected.subarray(start, end));
    }
  });
});
