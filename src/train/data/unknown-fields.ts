import type { UnknownField } from './data-account.ts';
import type { RowPlace } from './row.ts';

/** WHY a limit: a row may have any number of fields. */
const most = 100;

/** Fields that no format has: how many rows have each, and the first of them. */
export class UnknownFields {
  readonly #found = new Map<string, UnknownField>();

  note(field: string, { path, unit, line }: RowPlace): void {
    const known = this.#found.get(field);
    if (known === undefined && this.#found.size >= most) return;
    const { rows, first } = known ?? { rows: 0, first: `${path}, ${unit} ${line}` };
    this.#found.set(field, { field, rows: rows + 1, first });
  }

  list(): readonly UnknownField[] {
    return [...this.#found.values()];
  }
}
