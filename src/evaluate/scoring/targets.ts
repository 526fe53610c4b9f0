/** What a row asks of the model: positions that predict, and the tokens that they should predict. */
export interface Targets {
  /** Positions in the row, rising. */
  readonly positions: readonly number[];
  /** The token of each. */
  readonly ids: readonly number[];
}

/** Tokens to read, and what is asked of them. */
export interface ScoringRow {
  readonly tokens: readonly number[];
  readonly targets: Targets;
}

/** A row without what comes after its last target: that changes nothing that is asked for. */
export function cutAtLastTarget({ tokens, targets }: ScoringRow): ScoringRow {
  return { tokens: tokens.slice(0, (targets.positions.at(-1) ?? -1) + 1), targets };
}

/** The label of a token that is not in the loss. */
export const ignoredLabel = -100;

/** Every token but the first is to be predicted by the position before it. */
export function nextTokens(tokens: readonly number[]): Targets {
  return { positions: tokens.slice(1).map((_, position) => position), ids: tokens.slice(1) };
}

/**
 * The targets of a row whose labels stand beside its tokens, as in Hugging Face: `labels[i + 1]` is predicted by position i, and -100
 * is not predicted.
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
