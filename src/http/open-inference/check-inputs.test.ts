import { describe, expect, it } from 'vitest';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { checkInputs } from './check-inputs.ts';

const limits = new Map([['input_ids', 128]]);
const ids = (...values: number[]): ReadonlyMap<string, TensorData> =>
  new Map([['input_ids', tensorOf('int64', [1, values.length], values.map(BigInt))]]);

describe('checkInputs', () => {
  it('takes the first and the last id, and any number where no table is known', async () => {
    await expect(checkInputs(ids(0, 127), limits)).resolves.toBeUndefined();
    await expect(checkInputs(ids(-5, 4000), undefined)).resolves.toBeUndefined();
  });

  it.each([
    [[-5, 5], 'inputs.0.data: input_ids takes ids from 0 to 127, got -5 at 0'],
    [[5, 128], 'got 128 at 1'],
    [[5, 2 ** 40], 'got 1099511627776 at 1'],
  ])('refuses %j', async (values, told) => {
    await expect(checkInputs(ids(...values), limits)).rejects.toThrow(told);
  });

  it('looks at ids of every width, and behind the first slice', async () => {
    const narrow = new Map([['input_ids', tensorOf('int32', [1, 2], [1, -1])]]);
    await expect(checkInputs(narrow, limits)).rejects.toThrow('got -1 at 1');
    await expect(checkInputs(ids(...Array.from({ length: 9000 }, () => 1), 200), limits)).rejects.toThrow(
      'got 200 at 9000',
    );
  });

  it('refuses tensors without an element, and says their shape', async () => {
    const empty = new Map([['input_ids', tensorOf('int64', [1, 0], [])]]);
    await expect(checkInputs(empty, limits)).rejects.toThrow('input_ids has the shape [1, 0], and so no element');
  });
});
