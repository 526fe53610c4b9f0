import { EspalierError } from '../../core/index.ts';

/** Reading ends after so many rows with problems. WHY: a file of another kind has a problem in every row. */
const mostProblems = 1000;
/** How many problems an error tells. */
const shownProblems = 5;

/** Collects the problems of rows, so that one reading counts them all. */
export class RowProblems {
  readonly #found: EspalierError[] = [];
  #rows = 0;

  /**
   * Does the work for one row, and keeps its problem.
   * @returns undefined where the row has a problem
   * @throws EspalierError DATA_ROWS_INVALID after a thousand; any error that is not the row's own
   */
  attempt<Result>(work: () => Result): Result | undefined {
    this.#rows += 1;
    try {
      return work();
    } catch (error) {
      if (!EspalierError.isInstance(error) || !isOfRow(error)) throw error;
      this.#found.push(error);
      if (this.#found.length >= mostProblems) this.assertNone();
      return undefined;
    }
  }

  /** @throws EspalierError that of the row where one row alone has a problem, else DATA_ROWS_INVALID */
  assertNone(): void {
    const [first, second] = this.#found;
    if (first === undefined) return;
    if (second === undefined) throw first;
    const told = this.#found.slice(0, shownProblems).map(({ message }) => message);
    const more = this.#found.length - told.length;
    throw new EspalierError('DATA_ROWS_INVALID', {
      count: this.#found.length,
      rows: this.#rows,
      problems: more > 0 ? [...told, `and ${more} more`] : told,
    });
  }
}

const ofRows: readonly string[] = [
  'DATA_JSON_BROKEN',
  'DATA_ROW_UNKNOWN',
  'DATA_ROW_INVALID',
  'DATA_TOKEN_OUT_OF_RANGE',
  'CHAT_TEMPLATE_UNSTABLE',
];

function isOfRow({ code }: EspalierError): boolean {
  return ofRows.includes(code);
}
