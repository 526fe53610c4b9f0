/** The label of a token that does not count in the loss. */
export const ignoredLabel = -100;

/** One row, ready for training. */
export interface Example {
  /** [tokens] */
  readonly inputIds: Int32Array;
  /**
   * [tokens], aligned with `inputIds`: the token itself where it counts in the loss, else -100. The shift by one (a
   * label is predicted at the position before it) happens when batches are made; the first label is never a target.
   */
  readonly labels: Int32Array;
}

/** The number of targets: all labels that are not -100, except the first, which no position predicts. */
export function countTargets({ labels }: Example): number {
  let count = 0;
  for (let t = 1; t < labels.length; t++) if (labels[t] !== ignoredLabel) count++;
  return count;
}

/** The example's first `maxLength` tokens; the example itself if it is not longer. */
export function cutExample(example: Example, maxLength: number): Example {
  if (example.inputIds.length <= maxLength) return example;
  return { inputIds: example.inputIds.slice(0, maxLength), labels: example.labels.slice(0, maxLength) };
}
