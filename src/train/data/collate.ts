import { ignoredLabel, type Example } from './example.ts';

/** Rows of tokens in the layout of a graph. */
export interface Batch {
  /** The number of rows. */
  readonly rows: number;
  /** Length of the longest row. */
  readonly longest: number;
  /** [rows · longest], or end to end [tokens] */
  readonly inputIds: BigInt64Array;
  /** [targets] indices into `inputIds` of the positions that predict a target */
  readonly targetRows: BigInt64Array;
  /** [targets] the token that follows each of those positions */
  readonly targetIds: BigInt64Array;
}

/** Rows end to end. */
export interface PackedBatch extends Batch {
  /** [tokens] row · longest + position of each token */
  readonly places: BigInt64Array;
}

export interface CollateOptions {
  /** Whether to keep the tokens after a row's last target. */
  readonly whole?: boolean;
}

/**
 * The number of tokens of a row that have to be computed: those up to the last position that predicts a target. Attention is causal, so
 * later tokens change nothing. At least 1.
 */
export function computedLength({ inputIds, labels }: Example, { whole = false }: CollateOptions = {}): number {
  if (whole) return inputIds.length;
  let last = labels.length - 1;
  while (last > 1 && labels[last] === ignoredLabel) last--;
  return Math.max(1, last);
}

/**
 * Arranges rows as a rectangle. Shorter rows are padded on the right with token 0. The padding has no targets, and no real token
 * attends to it.
 */
export function padRows(examples: readonly Example[], options: CollateOptions = {}): Batch {
  const lengths = examples.map((example) => computedLength(example, options));
  const longest = Math.max(...lengths);
  const starts = lengths.map((_, row) => row * longest);
  const inputIds = new BigInt64Array(examples.length * longest);
  return { rows: examples.length, longest, inputIds, ...fill(inputIds, examples, { lengths, starts }) };
}

/** Lays rows end to end, so that no padding is computed. */
export function packRows(examples: readonly Example[], options: CollateOptions = {}): PackedBatch {
  const lengths = examples.map((example) => computedLength(example, options));
  const longest = Math.max(...lengths);
  let tokens = 0;
  const starts = lengths.map((length) => (tokens += length) - length);
  const inputIds = new BigInt64Array(tokens);
  const places = new BigInt64Array(tokens);
  for (const [row, length] of lengths.entries()) {
    const start = starts[row] ?? 0;
    for (let t = 0; t < length; t++) places[start + t] = BigInt(row * longest + t);
  }
  return { rows: examples.length, longest, inputIds, places, ...fill(inputIds, examples, { lengths, starts }) };
}

interface Layout {
  /** The number of tokens of each row that are used. */
  readonly lengths: readonly number[];
  /** The index at which each row begins. */
  readonly starts: readonly number[];
}

/** Writes the tokens to their places, and collects the targets. */
function fill(
  inputIds: BigInt64Array,
  examples: readonly Example[],
  { lengths, starts }: Layout,
): Pick<Batch, 'targetRows' | 'targetIds'> {
  const targetRows: bigint[] = [];
  const targetIds: bigint[] = [];
  for (const [row, example] of examples.entries()) {
    const start = starts[row] ?? 0;
    for (let t = 0; t < (lengths[row] ?? 0); t++) {
      inputIds[start + t] = BigInt(example.inputIds[t] ?? 0);
      const label = example.labels[t + 1];
      if (label === undefined || label === ignoredLabel) continue;
      targetRows.push(BigInt(start + t));
      targetIds.push(BigInt(label));
    }
  }
  return { targetRows: BigInt64Array.from(targetRows), targetIds: BigInt64Array.from(targetIds) };
}
