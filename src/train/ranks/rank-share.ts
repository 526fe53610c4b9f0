/** Which part of each batch a rank takes. */
export interface RankShare {
  readonly rank: number;
  /** Ranks that share each batch now. */
  readonly worldSize: number;
  /** The ranks with which the training began: a batch has `batchSize` rows for each of these, with whatever number it goes on. */
  readonly batchRanks: number;
}

/** The share of a process that is alone. */
export const wholeShare: RankShare = { rank: 0, worldSize: 1, batchRanks: 1 };

/**
 * The part of a list that is this rank's: every `worldSize`-th element. Of the parts of all ranks, each element is in exactly one, and
 * their numbers differ by one at most. WHY not one piece after the other: rows that were sorted by length are then shared evenly.
 */
export function partOf<Item>(list: readonly Item[], { rank, worldSize }: RankShare): Item[] {
  return list.filter((_, place) => place % worldSize === rank);
}

interface BatchSettings {
  readonly batchSize: number;
  readonly accumulate: number;
  readonly localSteps?: number | undefined;
}

/** Settings with the batch of all ranks together, as one process would take it, and with the batches of all local steps in one. */
export function ofAllRanks<Settings extends BatchSettings>(settings: Settings, { batchRanks }: RankShare): Settings {
  const { batchSize, accumulate, localSteps = 1 } = settings;
  return { ...settings, batchSize: batchSize * batchRanks, accumulate: accumulate * localSteps };
}
