import { expect, it } from 'vitest';
import { loadSafetensors, toFloat32, zerosOf, type TensorData } from '../../../tensor/index.ts';
import { goldenDir } from '../../testing/fixtures.ts';
import { dequantizeFloat8 } from './float8.ts';

it('gives the numbers of torch for every byte, times the scale of its rectangle', async () => {
  const { tensors } = await loadSafetensors(goldenDir('foreign-quantization', 'fp8.safetensors'));
  const get = (key: string): TensorData => tensors.get(key) ?? zerosOf('uint8', []);
  const scales = { name: '', location: '', offset: 0, length: 0, dtype: 'float32', shape: [3, 2] } as const;
  const weight = { kind: 'float8', rows: 16, columns: 16, blockRows: 6, blockColumns: 10, scales } as const;
  const values = dequantizeFloat8(weight, { packed: get('qweight').bytes, scales: toFloat32(get('scales')) });
  expect(values).toEqual(toFloat32(get('expected')));
});
