import type { BaseProblem } from '../../models/index.ts';

/** The result of a classifier for one row. */
export interface Classification {
  /** The name of the class with the largest logit, or its index if the base has no names. */
  readonly label: string;
  readonly index: number;
  readonly logits: readonly number[];
  /** softmax(logits) */
  readonly probabilities: readonly number[];
}

/** The result for one row where any number of classes may fit. */
export interface MultiLabelClassification {
  /** The names of the classes whose probability is at least 1/2. */
  readonly labels: readonly string[];
  readonly logits: readonly number[];
  /** sigmoid(logits), each for itself */
  readonly probabilities: readonly number[];
}

/** The numbers that a base for regression gives for one row. */
export interface Regression {
  readonly values: readonly number[];
}

export type RowResult = Classification | MultiLabelClassification | Regression;

/** Converts logits to a classification. @param labels  the names of the classes, if the base has names */
export function classificationOf(logits: Float32Array, labels: readonly string[] | undefined): Classification {
  const largest = logits.reduce((max, value) => Math.max(max, value), -Infinity);
  const index = Math.max(0, logits.indexOf(largest));
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  const probabilities = powers.map((value) => value / total);
  return { label: labels?.[index] ?? String(index), index, logits: [...logits], probabilities };
}

/** Converts the numbers of a row to what they mean for the base. */
export function resultOf(
  logits: Float32Array,
  { labels, problem }: { readonly labels?: readonly string[]; readonly problem?: BaseProblem },
): RowResult {
  if (problem === undefined) return classificationOf(logits, labels);
  if (problem === 'regression') return { values: [...logits] };
  const probabilities = Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  const fitting = [...probabilities.entries()].filter(([, share]) => share >= 0.5);
  return { labels: fitting.map(([i]) => labels?.[i] ?? String(i)), logits: [...logits], probabilities };
}

/** The class of a token of a text. */
export interface TokenLabel extends Pick<Classification, 'label' | 'index'> {
  /** The number of the token in the row. */
  readonly token: number;
  /** The probability of the class. */
  readonly probability: number;
  /** The range of the text that the token comes from, and the text there; absent for rows of token ids. */
  readonly start?: number;
  readonly end?: number;
  readonly text?: string;
}

export interface TokenSource {
  readonly text: string;
  /** For each token the range of the text that it comes from; empty for tokens that the tokenizer added. */
  readonly offsets: readonly { readonly start: number; readonly end: number }[];
}

/**
 * The class of each token of a row. Tokens that come from no text are left out if the text is known.
 *
 * @param logits  f32 [tokens, labels]
 */
export function tokenLabelsOf(
  logits: Float32Array,
  { labels, source }: { readonly labels: readonly string[]; readonly source: TokenSource | undefined },
): readonly TokenLabel[] {
  const count = labels.length;
  return Array.from({ length: logits.length / count }, (_, token) => token).flatMap((token) => {
    const { label, index, probabilities } = classificationOf(
      logits.subarray(token * count, (token + 1) * count),
      labels,
    );
    const result = { token, label, index, probability: probabilities[index] ?? NaN };
    if (source === undefined) return [result];
    const { start, end } = source.offsets[token] ?? { start: 0, end: 0 };
    return end > start ? [{ ...result, start, end, text: source.text.slice(start, end) }] : [];
  });
}
