/** WHY so few: what a refusal costs must not grow with the number of adapters. */
const compared = 100;

/** The first of many names, among which a mistyped one is looked for. */
export function firstNames(names: Iterable<string>): readonly string[] {
  const first: string[] = [];
  for (const name of names) if (first.push(name) === compared) break;
  return first;
}
