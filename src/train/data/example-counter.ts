import { EspalierError, option, optionText, type OptionText } from '../../core/index.ts';
import type { DataAccount } from './data-account.ts';
import { countTargets, type Example, type Truncation } from './example.ts';
import type { FormatName } from './formats/row-formats.ts';
import type { Row, RowPlace } from './row.ts';
import { UnknownFields } from './unknown-fields.ts';

/** What is counted of an example. */
export interface CountedExample {
  readonly example: Example;
  readonly isCut: boolean;
  /** The example before it was cut, and its row. */
  readonly whole: Example;
  readonly row: Row;
  readonly place: RowPlace;
  /** Answers that are not learned because the template renders them otherwise once others follow. */
  readonly passedOver: number;
  /** Whether it teaches how an answer ends. */
  readonly learnsEnd: boolean;
  /** Its place among the examples of its row. */
  readonly part: number;
}

export interface ExampleCounterOptions {
  readonly maxLength: number;
  /** What becomes of examples that are longer. Default: cut-end. */
  readonly truncation?: Truncation | undefined;
  /** How an example without a target within `maxLength` is handled: 'refuse' (default) and 'drop' for training, 'keep' for scoring. */
  readonly withoutTargets?: 'refuse' | 'drop' | 'keep' | undefined;
}

/** Counts the rows of a file, and decides which are dropped. */
export class ExampleCounter {
  readonly #path: string;
  readonly #options: ExampleCounterOptions;
  readonly #counts = {
    rows: 0,
    examples: 0,
    tokens: 0,
    supervisedTokens: 0,
    dropped: 0,
    truncated: 0,
    passedOver: 0,
    withoutEnd: 0,
  };
  /** How many examples were dropped for each reason. */
  readonly #reasons = { cut: 0, withoutAnswer: 0, empty: 0 };
  #firstEmpty: RowPlace | undefined;
  readonly #tooLong: { count: number; first?: { readonly place: RowPlace; readonly tokens: number } } = { count: 0 };
  readonly #formats = new Map<FormatName, number>();
  readonly #unknown = new UnknownFields();

  constructor(path: string, options: ExampleCounterOptions) {
    this.#path = path;
    this.#options = options;
  }

  noteFormat(name: FormatName): void {
    this.#formats.set(name, (this.#formats.get(name) ?? 0) + 1);
  }

  noteUnknown(field: string, place: RowPlace): void {
    this.#unknown.note(field, place);
  }

  accept(counted: CountedExample): boolean {
    const { example, isCut, passedOver, part } = counted;
    const counts = this.#counts;
    const targets = countTargets(example);
    if (part === 0) counts.rows += 1;
    counts.passedOver += passedOver;
    if (isLeftOut(counted, this.#options)) {
      counts.dropped += 1;
      this.#tooLong.count += 1;
      this.#tooLong.first ??= { place: counted.place, tokens: counted.whole.inputIds.length };
      return false;
    }
    if (targets === 0 && this.#options.withoutTargets !== 'keep') {
      counts.dropped += 1;
      this.#firstEmpty ??= counted.place;
      this.#reasons[whyDropped(counted)] += 1;
      return false;
    }
    counts.examples += 1;
    counts.tokens += example.inputIds.length;
    counts.supervisedTokens += targets;
    if (isCut) counts.truncated += 1;
    if (counted.row.kind === 'messages' && !counted.learnsEnd) counts.withoutEnd += 1;
    return true;
  }

  /** @throws EspalierError DATA_EMPTY, DATA_ROWS_TOO_LONG, DATA_NOTHING_TO_LEARN, DATA_ROWS_EMPTY */
  account(): DataAccount {
    const { rows, examples } = this.#counts;
    if (rows === 0) throw new EspalierError('DATA_EMPTY', { path: this.#path });
    const { maxLength, truncation, withoutTargets = 'refuse' } = this.#options;
    const told = { path: this.#path, rows, maxLength };
    const { count, first } = this.#tooLong;
    if (truncation === 'error' && first !== undefined) {
      const { place, tokens } = first;
      throw new EspalierError('DATA_ROWS_TOO_LONG', { ...told, count, first: placeText(place), tokens });
    }
    const advice = adviceFor({ ...this.#reasons, tooLong: count });
    if (examples === 0) throw new EspalierError('DATA_NOTHING_TO_LEARN', { ...told, advice });
    if (withoutTargets === 'refuse' && this.#firstEmpty !== undefined) {
      const empty = Object.values(this.#reasons).reduce((sum, each) => sum + each, 0);
      const where = placeText(this.#firstEmpty);
      throw new EspalierError('DATA_ROWS_EMPTY', { ...told, count: empty, first: where, advice });
    }
    return this.counts();
  }

  /** The counts so far. */
  counts(): DataAccount {
    return { ...this.#counts, formats: Object.fromEntries(this.#formats), unknownFields: this.#unknown.list() };
  }
}

/** Whether an example is too long to be taken at all. */
export function isLeftOut(
  { isCut }: Pick<CountedExample, 'isCut'>,
  { truncation }: Pick<ExampleCounterOptions, 'truncation'>,
): boolean {
  return isCut && (truncation === 'drop' || truncation === 'error');
}

function placeText({ path, unit, line }: RowPlace): string {
  return `${path}, ${unit} ${line}`;
}

type Reason = 'cut' | 'withoutAnswer' | 'empty';

function whyDropped({ whole, row }: CountedExample): Reason {
  if (countTargets(whole) > 0) return 'cut';
  const isAnswered = row.kind !== 'messages' || row.messages.some(({ role }) => role === 'assistant');
  return isAnswered ? 'empty' : 'withoutAnswer';
}

/** WHY by reason: a longer maximum does not help a chat in which nobody answers. */
function adviceFor({ cut, withoutAnswer, empty, tooLong }: Readonly<Record<Reason | 'tooLong', number>>): OptionText {
  const sentences = [
    ...(tooLong > 0 ? [optionText('Raise ', option('maxLength'), ': longer rows are left out.')] : []),
    ...(cut > 0 ? [optionText('Raise ', option('maxLength'), ': what is learned begins beyond it.')] : []),
    ...(withoutAnswer > 0 ? ['Add what is learned: a chat needs a message of the role assistant.'] : []),
    ...(empty > 0 ? ['Check that the answers are not empty, and that not all of them are excluded.'] : []),
  ];
  return optionText(...sentences.flatMap((sentence, i) => (i === 0 ? [sentence] : [' ', sentence])));
}
