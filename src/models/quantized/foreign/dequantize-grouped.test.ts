import { describe, expect, it } from 'vitest';
import { goldenDir } from '../../testing/fixtures.ts';
import { loadSafetensors, toFloat32, typedArray, zerosOf, type TensorData } from '../../../tensor/index.ts';
import type { GroupedWeight, WeightRef } from '../../weight-ref.ts';
import { dequantizeGrouped } from './dequantize-grouped.ts';

const [rows, columns] = [16, 64];
const nowhere: WeightRef = { name: '', location: '', offset: 0, length: 0, dtype: 'float16', shape: [] };
const plain: GroupedWeight = {
  kind: 'grouped',
  layout: 'gptq',
  rows,
  columns,
  bits: 4,
  groupSize: 32,
  zeroOffset: 1,
  scales: nowhere,
  zeroPoints: nowhere,
  order: undefined,
};

describe('dequantizeGrouped', () => {
  it.each<[string, Partial<GroupedWeight>]>([
    ['gptq-4', {}],
    ['gptq-8', { bits: 8 }],
    ['gptq-4-order', { order: nowhere }],
    ['gptq_v2-4', { zeroOffset: 0 }],
    ['awq', { layout: 'awq', zeroOffset: 0 }],
    ['packed-4', { layout: 'packed', zeroOffset: 0 }],
    ['packed-8', { layout: 'packed', bits: 8, zeroOffset: 0 }],
    ['bytes', { layout: 'bytes', bits: 8, zeroOffset: 0, zeroPoints: { ...nowhere, dtype: 'int8' } }],
  ])('gives the numbers of the formula of its tool: %s', async (name, change) => {
    const { tensors } = await loadSafetensors(goldenDir('foreign-quantization', `${name}.safetensors`));
    const get = (key: string): TensorData => tensors.get(key) ?? zerosOf('uint8', []);
    const index = tensors.get('g_idx');
    const values = dequantizeGrouped(
      { ...plain, ...change },
      {
        packed: get('qweight').bytes,
        scales: toFloat32(get('scales')),
        zeroPoints: get('qzeros').bytes,
        ...(change.order && index && { order: Int32Array.from(typedArray(index), Number) }),
      },
    );
    expect(values).toEqual(toFloat32(get('expected')));
  });
});
