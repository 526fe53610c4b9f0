import type { DataAccount } from './data-account.ts';
import { encodeExample, type ReadExamplesOptions } from './encode-example.ts';
import { countTargets, type Example } from './example.ts';
import { ExampleCounter, isLeftOut } from './example-counter.ts';
import type { FormatName } from './formats/row-formats.ts';
import { namesOf, readRows } from './read-rows.ts';
import { oddities, OddityFinder, type Oddity } from './row-oddities.ts';
import { RowProblems } from './row-problems.ts';
import type { RowPlace } from './row.ts';

/** A row as a training would take it. */
export interface InspectedRow {
  readonly place: RowPlace;
  readonly format: FormatName;
  /** After cutting. */
  readonly example: Example;
  /** Tokens before cutting. */
  readonly wholeLength: number;
  /** Tokens that count in the loss. */
  readonly targets: number;
  /** Why it is not trained on. */
  readonly leftOut: 'nothing-to-learn' | 'too-long' | undefined;
  readonly odd: readonly Oddity[];
}

/** Rows that have something in common, and the first of them. */
export interface RowsFound {
  readonly rows: number;
  readonly first: RowPlace;
}

/** What a training would make of files. */
export interface RowsInspection {
  readonly account: DataAccount;
  /** Tokens before cutting, and the place, of the longest row. */
  readonly longest: { readonly tokens: number; readonly place: RowPlace } | undefined;
  readonly cut: RowsFound | undefined;
  /** Rows with nothing to learn. */
  readonly dropped: RowsFound | undefined;
  /** Rows that are left out because they are too long. */
  readonly tooLong: RowsFound | undefined;
  readonly odd: ReadonlyMap<Oddity, RowsFound>;
  /** Rows that cannot be used: how many, and the first few problems. */
  readonly problems: { readonly count: number; readonly told: readonly string[] };
}

/**
 * Reads all rows as a training would, and keeps counts only. Rows that cannot be used do not end it.
 *
 * @param onRow  gets each row that can be used
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_TOKENIZER_MISSING
 */
export async function inspectRows(
  paths: string | readonly string[],
  options: ReadExamplesOptions,
  onRow: (row: InspectedRow) => void,
): Promise<RowsInspection> {
  const counter = new ExampleCounter(namesOf(paths), options);
  const problems = new RowProblems({ most: Infinity });
  const finder = new OddityFinder(options.tokenizer);
  const found = new Map<Found, RowsFound>();
  const note = (what: Found, place: RowPlace): void => {
    const { rows, first } = found.get(what) ?? { rows: 0, first: place };
    found.set(what, { rows: rows + 1, first });
  };
  let longest: RowsInspection['longest'];
  let format: FormatName = 'messages';
  const noting = {
    noteFormat: (name: FormatName): void => {
      format = name;
      counter.noteFormat(name);
    },
    noteUnknown: (field: string, place: RowPlace): void => counter.noteUnknown(field, place),
  };
  for await (const { parse, place } of readRows(paths, options)) {
    const encoded = problems.attempt(() => encodeExample(parse(), place, { ...options, counter: noting }));
    if (encoded === undefined) continue;
    const { example, whole } = encoded;
    const isTaken = counter.accept(encoded);
    const leftOut = isTaken ? undefined : isLeftOut(encoded, options) ? 'too-long' : 'nothing-to-learn';
    const odd = finder.find(encoded);
    for (const what of odd) note(what, place);
    if (leftOut !== undefined) note(leftOut, place);
    else if (encoded.isCut) note('cut', place);
    const wholeLength = whole.inputIds.length;
    if (wholeLength > (longest?.tokens ?? 0)) longest = { tokens: wholeLength, place };
    onRow({ place, format, example, wholeLength, targets: countTargets(example), leftOut, odd });
  }
  const [cut, dropped, tooLong] = [found.get('cut'), found.get('nothing-to-learn'), found.get('too-long')];
  const odd = new Map([...found].flatMap(([what, rows]) => (isOddity(what) ? [[what, rows] as const] : [])));
  const { count, told } = problems;
  return { account: counter.counts(), longest, cut, dropped, tooLong, odd, problems: { count, told } };
}

type Found = Oddity | 'cut' | NonNullable<InspectedRow['leftOut']>;

function isOddity(what: Found): what is Oddity {
  return what in oddities;
}
