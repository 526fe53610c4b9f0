import type { CaseDim, GradientCase } from '../testing/gradient-case.ts';

const rank3 = [2, 3, 2] as const;

/** Losses over classes. ONNX Runtime expands them into operators that have f64 kernels, so they are checked in f64. */
export const lossCases: readonly GradientCase[] = [
  ...(['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss'] as const).flatMap(casesOf),
  {
    ...loss('SoftmaxCrossEntropyLoss', 'with its second output', [3, 4], { labels: [0, 3, 2], reduction: 'sum' }),
    outputs: 2,
  },
];

function casesOf(op: string): GradientCase[] {
  return [
    ...(['sum', 'mean', 'none'] as const).flatMap((reduction): GradientCase[] => [
      loss(op, `${reduction}`, [3, 4], { labels: [0, 3, 2], reduction }),
      loss(op, `${reduction}, ignored rows`, [4, 3], { labels: [-100, 2, 0, -100], reduction, ignored: -100 }),
      loss(op, `${reduction}, ignored class`, [3, 3], { labels: [1, 2, 1], reduction, ignored: 1 }),
      loss(op, `${reduction}, symbolic`, ['n=3', 4], { labels: [0, 3, -1], reduction, ignored: -1 }),
    ]),
    loss(op, 'sum, every row ignored', [2, 3], { labels: [-100, -100], reduction: 'sum', ignored: -100 }),
    {
      ...loss(op, 'scores of rank 3', rank3, { labels: [0, 2, 1, 1], reduction: 'mean' }),
      inputs: { scores: rank3, labels: { shape: [2, 2], dtype: 'int64', values: [0, 2, 1, 1] } },
    },
  ];
}

interface Loss {
  readonly labels: readonly number[];
  readonly reduction: 'sum' | 'mean' | 'none';
  readonly ignored?: number;
}

function loss(op: string, note: string, scores: readonly CaseDim[], given: Loss): GradientCase {
  const { labels, reduction, ignored } = given;
  const rows = scores[0] ?? labels.length;
  const inputs = { scores, labels: { shape: [rows], dtype: 'int64', values: labels } } as const;
  return { op, note, inputs, attributes: { reduction, ...(ignored !== undefined && { ignore_index: ignored }) } };
}
