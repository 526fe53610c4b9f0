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

/** What becomes of rows that are longer than the maximum. */
export const truncations = ['cut-end', 'cut-start', 'drop', 'error'] as const;
export type Truncation = (typeof truncations)[number];

export interface CutOptions {
  /** `cut-start` keeps the last tokens; anything else the first. */
  readonly truncation?: Truncation | undefined;
  /** The token that begins a text. It is kept at the beginning of what is left. */
  readonly bosId?: number | undefined;
}

/** `maxLength` tokens of an example; the example itself if it is not longer. */
export function cutExample(example: Example, maxLength: number, { truncation, bosId }: CutOptions = {}): Example {
  const { inputIds, labels } = example;
  if (inputIds.length <= maxLength) return example;
  if (truncation !== 'cut-start') return { inputIds: inputIds.slice(0, maxLength), labels: labels.slice(0, maxLength) };
  const cut = { inputIds: inputIds.slice(-maxLength), labels: labels.slice(-maxLength) };
  // WHY: a model has seldom seen a text without it.
  if (bosId !== undefined && inputIds[0] === bosId) [cut.inputIds[0], cut.labels[0]] = [bosId, ignoredLabel];
  return cut;
}
