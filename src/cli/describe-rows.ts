import type { Tokenizer } from '../tokenizer/index.ts';
import { ignoredLabel, oddities, type InspectedRow, type RowsInspection, type Truncation } from '../train/index.ts';
import { describeUnknown } from './describe-training.ts';
import { shownText } from './shown-text.ts';

const leftOutWords = { 'nothing-to-learn': 'nothing is learned', 'too-long': 'too long' } as const;

/** A row for a person: its place and counts, and a line for each run of tokens that are learned, or that are not. */
export function describeRow(row: InspectedRow, tokenizer: Tokenizer | undefined): string {
  const { example, format, odd, leftOut, targets, wholeLength } = row;
  const length = example.inputIds.length;
  const parts = [`${length} tokens`, `${targets} learned`];
  if (wholeLength > length) parts.push(`cut from ${wholeLength}`);
  if (leftOut !== undefined) parts.push(`left out: ${leftOutWords[leftOut]}`);
  const lines = runsOf(row).map(({ isLearned, ids }) => {
    const pieces = ids.map((id) => pieceOf(id, tokenizer));
    return `  ${isLearned ? 'learned' : 'context'}  ${pieces.join('│')}`;
  });
  const strange = odd.map((what) => `  odd      ${oddities[what]}`);
  return [`${placeOf(row.place)} (${format}): ${parts.join(', ')}`, ...lines, ...strange].join('\n');
}

/** A row for a program. */
export function rowAnswer(row: InspectedRow, tokenizer: Tokenizer | undefined): object {
  const { place, format, example, wholeLength, targets, leftOut, odd } = row;
  const tokens = [...example.inputIds];
  return {
    path: place.path,
    [place.unit]: place.line,
    format,
    tokens,
    labels: [...example.labels],
    pieces: tokens.map((id) => pieceOf(id, tokenizer)),
    learned: targets,
    cut: wholeLength > tokens.length,
    dropped: leftOut !== undefined,
    odd,
  };
}

interface Run {
  readonly isLearned: boolean;
  readonly ids: number[];
}

/** The first token is never learned: nothing comes before it. */
function runsOf({ example: { inputIds, labels } }: InspectedRow): readonly Run[] {
  const runs: Run[] = [];
  for (const [t, id] of inputIds.entries()) {
    const isLearned = t > 0 && labels[t] !== ignoredLabel;
    const run = runs.at(-1);
    if (run?.isLearned === isLearned) run.ids.push(id);
    else runs.push({ isLearned, ids: [id] });
  }
  return runs;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a token. Bytes that are no characters by themselves, and signs that steer a terminal, are written by their codes. */
export function pieceOf(id: number, tokenizer: Tokenizer | undefined): string {
  const bytes = tokenizer?.tokenBytes(id);
  if (bytes === undefined) return String(id);
  try {
    return shownText(utf8.decode(bytes));
  } catch {
    return Array.from(bytes, (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`).join('');
  }
}

/** For words that fit one row and many. */
function rowCount(rows: number): string {
  return `${count(rows)} ${rows === 1 ? 'row' : 'rows'}`;
}

export interface DescribeOptions {
  readonly maxLength: number;
  /** Whether rows with nothing to learn are left out. */
  readonly skipEmpty: boolean;
  readonly truncation: Truncation;
}

/** What a training would make of all rows, for a person. */
export function describeInspection(
  inspection: RowsInspection,
  { maxLength, skipEmpty, truncation }: DescribeOptions,
): string {
  const { account, longest, cut, dropped, tooLong, odd, problems } = inspection;
  const formats = Object.entries(account.formats).map(([name, rows]) => `${count(rows)} ${name}`);
  const lines = [
    `rows       ${count(account.rows)}${formats.length === 0 ? '' : ` (${formats.join(', ')})`}`,
    `tokens     ${count(account.tokens)}, of which ${count(account.supervisedTokens)} are learned`,
  ];
  if (longest !== undefined) lines.push(`longest    ${count(longest.tokens)} tokens (${placeOf(longest.place)})`);
  const tell = (name: string, found: { rows: number; first: InspectedRow['place'] }, words: string): void =>
    void lines.push(`${name.padEnd(10)} ${rowCount(found.rows)} ${words} (first: ${placeOf(found.first)})`);
  if (cut !== undefined) tell('cut', cut, `cut to ${count(maxLength)} tokens`);
  if (dropped !== undefined) {
    const what = skipEmpty ? 'with nothing to learn' : 'with nothing to learn; --skip-empty leaves them out';
    tell(skipEmpty ? 'dropped' : 'unusable', dropped, what);
  }
  if (tooLong !== undefined) {
    tell(truncation === 'drop' ? 'dropped' : 'unusable', tooLong, `of more than ${count(maxLength)} tokens`);
  }
  if (account.passedOver > 0) {
    lines.push(`dropped    ${count(account.passedOver)} earlier answers: the chat template rewrites them`);
  }
  for (const [what, found] of odd) tell('odd', found, `with ${oddities[what]}`);
  lines.push(...describeUnknown(account));
  if (problems.count > 0) {
    const more = problems.count - problems.told.length;
    lines.push(`unusable   ${rowCount(problems.count)}:`, ...problems.told.map((problem) => `  ${problem}`));
    if (more > 0) lines.push(`  and ${count(more)} more`);
  }
  return lines.join('\n');
}

/** The same for a program. */
export function inspectionAnswer({ account, longest, cut, dropped, tooLong, odd, problems }: RowsInspection): object {
  return {
    ...account,
    longest: longest && { tokens: longest.tokens, place: placeOf(longest.place) },
    firstCut: cut && placeOf(cut.first),
    nothingToLearn: dropped?.rows ?? 0,
    firstDropped: dropped && placeOf(dropped.first),
    tooLong: tooLong?.rows ?? 0,
    firstTooLong: tooLong && placeOf(tooLong.first),
    odd: Object.fromEntries([...odd].map(([what, { rows, first }]) => [what, { rows, first: placeOf(first) }])),
    problems: { count: problems.count, first: problems.told },
  };
}

function placeOf({ path, unit, line }: InspectedRow['place']): string {
  return `${path}, ${unit} ${line}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
