import type { CaseDim, GradientCase } from '../testing/gradient-case.ts';

/** Losses over classes. The operator is a function of f64 kernels, so it is checked in f64. */
export const lossCases: readonly GradientCase[] = [
  ...(['sum', 'mean', 'none'] as const).flatMap((reduction): GradientCase[] => [
    loss(`${reduction}`, { scores: [3, 4], labels: [0, 3, 2] }, { reduction }),
    loss(
      `${reduction}, ignored rows`,
      { scores: [4, 3], labels: [-100, 2, 0, -100] },
      { reduction, ignore_index: -100 },
    ),
    loss(`${reduction}, ignored class`, { scores: [3, 3], labels: [1, 2, 1] }, { reduction, ignore_index: 1 }),
    loss(`${reduction}, symbolic`, { scores: ['n=3', 4], labels: [0, 3, -1] }, { reduction, ignore_index: -1 }),
  ]),
  loss('sum, every row ignored', { scores: [2, 3], labels: [-100, -100] }, { reduction: 'sum', ignore_index: -100 }),
  { ...loss('with its second output', { scores: [3, 4], labels: [0, 3, 2] }, { reduction: 'sum' }), outputs: 2 },
  {
    ...loss('scores of rank 3', { scores: [2, 3, 2], labels: [0, 2, 1, 1] }, { reduction: 'mean' }),
    inputs: { scores: [2, 3, 2], labels: { shape: [2, 2], dtype: 'int64', values: [0, 2, 1, 1] } },
  },
];

function loss(
  note: string,
  { scores, labels }: { scores: readonly CaseDim[]; labels: readonly number[] },
  attributes: NonNullable<GradientCase['attributes']>,
): GradientCase {
  const rows = scores[0] ?? labels.length;
  const inputs = { scores, labels: { shape: [rows], dtype: 'int64', values: labels } } as const;
  return { op: 'SoftmaxCrossEntropyLoss', note, inputs, attributes };
}
