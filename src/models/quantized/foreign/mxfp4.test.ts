import { expect, it } from 'vitest';
import { loadSafetensors, toFloat32, zerosOf, type TensorData } from '../../../tensor/index.ts';
import { goldenDir } from '../../testing/fixtures.ts';
import type { Mxfp4Weight } from '../../weight-ref.ts';
import { dequantizeMxfp4 } from './mxfp4.ts';

it('gives the numbers of transformers for every byte and scales from 2^-125 to 2^124', async () => {
  const { tensors } = await loadSafetensors(goldenDir('foreign-quantization', 'mxfp4.safetensors'));
  const get = (key: string): TensorData => tensors.get(key) ?? zerosOf('uint8', []);
  const scales = { name: '', location: '', offset: 0, length: 0, dtype: 'uint8', shape: [16, 2] } as const;
  const weight: Mxfp4Weight = { kind: 'mxfp4', rows: 16, columns: 64, turned: true, scales };
  const values = dequantizeMxfp4(weight, { packed: get('blocks').bytes, scales: get('scales').bytes });
  expect(values.some((value) => value !== 0)).toBe(true);
  expect(values).toEqual(toFloat32(get('expected')).map((value) => value + 0)); // −0 is 0 here
});
