/** Names that an error lists. WHY so few: the cost of a refusal must not grow with the number of adapters. */
const told = 8;
/** Names that are compared with a misspelt name. */
const compared = 100;

export interface ToldNames {
  /** The names that the error lists. */
  readonly known: string | readonly string[];
  /** The names to compare with a misspelt name. */
  readonly near: readonly string[];
}

/** Selects, from many names, those that an error lists and those that are compared with a misspelt name. */
export function namesOf(names: Iterable<string>, count: number): ToldNames {
  const near: string[] = [];
  for (const name of names) if (near.push(name) === compared) break;
  if (count <= told) return { known: near, near };
  return { known: `${near.slice(0, told).join(', ')} and ${count - told} more`, near };
}
