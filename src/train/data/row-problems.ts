import { EspalierError } from '../../core/index.ts';

/** Reading ends after so many rows with problems. WHY: a file of another kind has a problem in every row. */
const mostProblems = 1000;
/** How many problems an error tells. */
const shownProblems = 5;

/** Collects the problems of rows, so that one reading counts them all. */
export class RowProblems {
  readonly #most: number;
  #first: EspalierError | undefined;
  readonly #told: string[] = [];
  #count = 0;
  #rows = 0;

  /** @param most  after so many problems the reading ends; Infinity reads on */
  constructor({ most = mostProblems }: { readonly most?: number } = {}) {
    this.#most = most;
  }

  /** How many rows have a problem. */
  get count(): number {
    return this.#count;
  }

  /** The first few problems. */
  get told(): readonly string[] {
    return this.#told;
  }

  /**
   * Does the work for one row, and keeps its problem.
   * @returns undefined where the row has a problem
   * @throws EspalierError DATA_ROWS_INVALID after too many; any error that is not the row's own
   */
  attempt<Result>(work: () => Result): Result | undefined {
    this.#rows += 1;
    try {
      return work();
    } catch (error) {
      if (!EspalierError.isInstance(error) || !isOfRow(error)) throw error;
      this.#first ??= error;
      this.#count += 1;
      if (this.#told.length < shownProblems) this.#told.push(error.message);
      if (this.#count >= this.#most) this.assertNone();
      return undefined;
    }
  }

  /** @throws EspalierError that of the row where one row alone has a problem, else DATA_ROWS_INVALID */
  assertNone(): void {
    if (this.#first === undefined) return;
    if (this.#count === 1) throw this.#first;
    const more = this.#count - this.#told.length;
    throw new EspalierError('DATA_ROWS_INVALID', {
      count: this.#count,
      rows: this.#rows,
      problems: more > 0 ? [...this.#told, `and ${more} more`] : this.#told,
    });
  }
}

const ofRows: readonly string[] = [
  'DATA_NOT_UTF8',
  'DATA_JSON_BROKEN',
  'DATA_ROW_UNKNOWN',
  'DATA_ROW_INVALID',
  'DATA_TOKEN_OUT_OF_RANGE',
  'CHAT_TEMPLATE_UNSTABLE',
];

function isOfRow({ code }: EspalierError): boolean {
  return ofRows.includes(code);
}
