import { describe, expect, it } from 'vitest';
import type { LoraModule } from '../../lora/index.ts';
import { zerosOf } from '../../tensor/index.ts';
import { haveOneForm, placesOf, widestOf } from './slots.ts';

const plain: LoraModule = { path: 'layers.0.q_proj', rank: 4, scaling: 2 };
const training = (change: Partial<LoraModule> = {}, { seed = 0, dropout = 0 } = {}) => ({
  trainable: { lora: [{ ...plain, ...change }], dropout },
  seed,
});

describe('haveOneForm', () => {
  it('is true for adapters that differ in their numbers alone', () => {
    expect(haveOneForm([training({}, { seed: 1 }), training({}, { seed: 2 })])).toBe(true);
    const dropping = training({ dropout: 0.1 }, { seed: 3, dropout: 0.1 });
    expect(haveOneForm([dropping, training({ dropout: 0.5 }, { seed: 3, dropout: 0.5 })])).toBe(true);
  });

  const zeros = zerosOf('float32', [1]);
  it.each([
    ['another module', training({ path: 'layers.0.k_proj' })],
    ['another rank', training({ rank: 5 })],
    ['another scaling', training({ scaling: 1 })],
    ['a magnitude', training({ dora: { squaredNorms: zeros } })],
    ['a bias', training({ hasBias: true })],
    ['dropped values', training({ dropout: 0.1 }, { dropout: 0.1 })],
    ['a beginning in the graph', training({ initial: { a: zeros, b: zeros } })],
  ])('is false with %s', (_, other) => {
    expect(haveOneForm([training(), other])).toBe(false);
  });

  it('is false with other masks, or with beginnings that are in the graph', () => {
    const dropping = (seed: number) => training({ dropout: 0.1 }, { seed, dropout: 0.1 });
    expect(haveOneForm([dropping(1), dropping(2)])).toBe(false);
    const begun = training({ initial: { a: zeros, b: zeros } });
    expect(haveOneForm([begun, begun])).toBe(false);
  });
});

it('gives trainings any place, or their own', () => {
  expect([...placesOf([2, 5], undefined)]).toEqual([
    [2, 0],
    [5, 1],
  ]);
  expect([...placesOf([5], [2, 5])]).toEqual([[5, 1]]);
  expect(widestOf([[1], [2, 3], []])).toBe(2);
  expect(widestOf([])).toBe(1);
});
