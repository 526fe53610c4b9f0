/** A field that cannot be taken, and why. Each reader of messages makes an error of its own kind of it. */
export class FieldProblem {
  /** The fields and indices that lead to it, from the value that was read. */
  readonly path: readonly (string | number)[];
  /** What was expected, what came and what to do. */
  readonly problem: string;

  constructor(path: readonly (string | number)[], problem: string) {
    this.path = path;
    this.problem = problem;
  }

  /** The same problem of a value that lies at this path of another one. */
  within(...path: readonly (string | number)[]): FieldProblem {
    return new FieldProblem([...path, ...this.path], this.problem);
  }

  /** The place as it is written in code: `messages[2].content`. */
  get place(): string {
    return this.path
      .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
      .join('');
  }
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as an error shows it: short. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isFields(value)) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 41)) : String(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}...`;
}

/** Reads a list item by item, up to the first problem. */
export function readEach<Item>(
  list: readonly unknown[],
  read: (item: unknown, index: number) => Item | FieldProblem,
): Item[] | FieldProblem {
  const items: Item[] = [];
  for (const [index, item] of list.entries()) {
    const found = read(item, index);
    if (found instanceof FieldProblem) return found.within(index);
    items.push(found);
  }
  return items;
}
