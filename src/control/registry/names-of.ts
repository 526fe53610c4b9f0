/** Names that an error tells of. WHY so few: what a refusal costs must not grow with the number of adapters. */
const told = 8;
/** Names among which a mistyped one is looked for. */
const compared = 100;

export interface ToldNames {
  /** For the error. */
  readonly known: string | readonly string[];
  /** To compare a mistyped name with. */
  readonly near: readonly string[];
}

/** Of many names, those to tell of in an error and those to compare a mistyped name with. */
export function namesOf(names: Iterable<string>, count: number): ToldNames {
  const near: string[] = [];
  for (const name of names) if (near.push(name) === compared) break;
  if (count <= told) return { known: near, near };
  return { known: `${near.slice(0, told).join(', ')} and ${count - told} more`, near };
}
