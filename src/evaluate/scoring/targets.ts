/** The targets of a row: the positions that predict, and the tokens that they should predict. */
export interface Targets {
  /** Positions in the row, in ascending order. */
  readonly positions: readonly number[];
  /** The target token of each position. */
  readonly ids: readonly number[];
}

/** The tokens of a row and its targets. */
export interface ScoringRow {
  readonly tokens: readonly number[];
  readonly targets: Targets;
}

/** Removes the tokens after the last target. They do not affect the results. */
export function cutAtLastTarget({ tokens, targets }: ScoringRow): ScoringRow {
  return { tokens: tokens.slice(0, (targets.positions.at(-1) ?? -1) + 1), targets };
}

/** The label of a token that is not in the loss. */
export const ignoredLabel = -100;

/** Every token except the first is a target of the position before it. */
export function nextTokens(tokens: readonly number[]): Targets {
  return { positions: tokens.slice(1).map((_, position) => position), ids: tokens.slice(1) };
}

/**
 * The targets of a row with a label for each token, as in Hugging Face: position i predicts `labels[i + 1]`. A label -100 is not
 * predicted.
 */
export function labelledTokens(labels: readonly number[]): Targets {
  const positions: number[] = [];
  const ids: number[] = [];
  for (let i = 1; i < labels.length; i++) {
    const label = labels[i] ?? ignoredLabel;
    if (label === ignoredLabel) continue;
    positions.push(i - 1);
    ids.push(label);
  }
  return { positions, ids };
}
