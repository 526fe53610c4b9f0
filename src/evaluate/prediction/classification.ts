/** The result of a classifier for one row. */
export interface Classification {
  /** The name of the class with the largest logit, or its index if the base has no names. */
  readonly label: string;
  readonly index: number;
  readonly logits: readonly number[];
  /** softmax(logits) */
  readonly probabilities: readonly number[];
}

/** Converts logits to a classification. @param labels  the names of the classes, if the base has names */
export function classificationOf(logits: Float32Array, labels: readonly string[] | undefined): Classification {
  const largest = logits.reduce((max, value) => Math.max(max, value), -Infinity);
  const index = Math.max(0, logits.indexOf(largest));
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  const probabilities = powers.map((value) => value / total);
  return { label: labels?.[index] ?? String(index), index, logits: [...logits], probabilities };
}
