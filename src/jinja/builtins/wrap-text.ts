import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { characters, isSpace, lengthOf } from '../values/text.ts';

export interface WrapOptions {
  /** In characters. */
  readonly width: number;
  /** Whether a word that is longer than a line is cut. */
  readonly breakLongWords: boolean;
  /** Whether a word may be parted after a hyphen. */
  readonly breakOnHyphens: boolean;
}

const word = String.raw`[\p{L}\p{N}_]`;
const letter = String.raw`[\p{L}\p{Nl}\p{No}_]`;
const nearDash = String.raw`[\p{L}\p{N}_!"'&.,?]`;
const space = String.raw`[\t\n\v\f\r ]`;
const solid = String.raw`[^\t\n\v\f\r ]`;
const dash = `(?<=${nearDash})-{2,}(?=${word})`;
const afterHyphen = `-(?:(?<=${letter}{2}-)|(?<=${letter}-${letter}-))(?=${letter}-?${letter})`;
const wordEnd = `(?=${space}|$)|(?<=${nearDash})(?=-{2,}${word})`;

/** Where a line may end: at white space, around dashes between words, and behind hyphens. */
const parts = new RegExp(`(${space}+|${dash}|${solid}+?(?:${afterHyphen}|${wordEnd}))`, 'u');
const partsAtSpaces = new RegExp(`(${space}+)`, 'u');

/** `textwrap.wrap(line)` of Python, which leaves tabs and other white space inside of a line as it is. */
export function wrapLine(run: Run, line: string, { width, ...options }: WrapOptions): string[] {
  if (width <= 0) fail(`invalid width ${width} (must be > 0)`);
  const left = line.split(options.breakOnHyphens ? parts : partsAtSpaces).filter((part) => part !== '');
  left.reverse();
  const lines: string[] = [];
  while (left.length > 0) {
    if (lines.length > 0 && isBlank(left.at(-1))) left.pop();
    // WHY: a word that is cut is looked at again for each line.
    run.spend(1 + Math.ceil((left.at(-1) ?? '').length / 8));
    const current = takeLine(left, { width, ...options });
    if (isBlank(current.at(-1))) current.pop();
    if (current.length > 0) lines.push(current.join(''));
  }
  return lines;
}

/** Takes the parts of one line from the end of the list. */
function takeLine(left: string[], options: WrapOptions): string[] {
  const line: string[] = [];
  let length = 0;
  let next = left.at(-1);
  while (next !== undefined && length + lengthOf(next) <= options.width) {
    line.push(next);
    length += lengthOf(next);
    left.pop();
    next = left.at(-1);
  }
  if (next !== undefined && lengthOf(next) > options.width) takeLongWord(left, line, options.width - length, options);
  return line;
}

function takeLongWord(left: string[], line: string[], room: number, options: WrapOptions): void {
  const [long = '', isFirst] = [left.at(-1), line.length === 0];
  if (!options.breakLongWords || room <= 0) {
    if (isFirst) line.push(left.pop() ?? '');
    return;
  }
  const letters = characters(long);
  const hyphen = letters.slice(0, room).lastIndexOf('-');
  const isParted = options.breakOnHyphens && hyphen > 0 && letters.slice(0, hyphen).some((one) => one !== '-');
  const end = isParted ? hyphen + 1 : room;
  line.push(letters.slice(0, end).join(''));
  left[left.length - 1] = letters.slice(end).join('');
}

/** Whether a part is white space only. */
function isBlank(part: string | undefined): boolean {
  return part !== undefined && characters(part).every(isSpace);
}
