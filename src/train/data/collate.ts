import { ignoredLabel, type Example } from './example.ts';

/** Rows of tokens, laid out for a graph. */
export interface Batch {
  /** How many rows there are. */
  readonly rows: number;
  /** Tokens of the longest. */
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
  /** With the tokens after a row's last target too. */
  readonly whole?: boolean;
}

/**
 * How many tokens of a row have to be computed: those up to the last position that predicts a target. Attention being causal, what
 * follows it changes nothing. At least 1.
 */
export function computedLength({ inputIds, labels }: Example, { whole = false }: CollateOptions = {}): number {
  if (whole) return inputIds.length;
  let last = labels.length - 1;
  while (last > 1 && labels[last] === ignoredLabel) last--;
  return Math.max(1, last);
}

/** Puts rows side by side, those that are shorter filled up on the right with token 0: no target is there, and nothing looks there. */
export function padRows(examples: readonly Example[], options: CollateOptions = {}): Batch {
  const lengths = examples.map((example) => computedLength(example, options));
  const longest = Math.max(...lengths);
  const starts = lengths.map((_, row) => row * longest);
  const inputIds = new BigInt64Array(examples.length * longest);
  return { rows: examples.length, longest, inputIds, ...fill(inputIds, examples, { lengths, starts }) };
}

/** Puts rows end to end, so that nothing is computed of what is not there. */
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
  /** Tokens of each row that are taken. */
  readonly lengths: readonly number[];
  /** Where each row begins. */
  readonly starts: readonly number[];
}

/** Writes the tokens where they belong, and tells the targets. */
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
