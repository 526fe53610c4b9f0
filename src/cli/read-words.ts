import type { Option } from 'commander';
import { EspalierError } from '../core/index.ts';
import { ownSpelling } from './spellings.ts';

/** An option as a command line gives it. */
interface Given {
  /** As the user wrote it: `--lr 1`. */
  readonly text: string;
  readonly option: Option;
}

/**
 * Reads the words of a command line before commander does. Spellings of other tools become the options that the command declares, and
 * an option with one value may be given once. WHY not by commander: it silently uses the last value, and the user may have meant the
 * first. Words that are values, and words after `--`, are not changed.
 *
 * @param help  the command that shows the options, for the error
 * @throws EspalierError CLI_USAGE naming an option that is given twice, with both values
 */
export function readWords(
  words: readonly string[],
  { options, help }: { readonly options: readonly Option[]; readonly help: string },
): string[] {
  const byFlag = new Map(
    options.flatMap((option) => [option.long, option.short].flatMap((flag) => (flag ? [[flag, option] as const] : []))),
  );
  const declared = new Set(byFlag.keys());
  const once = new Map<Option, Given>();
  const own: string[] = [];
  for (let place = 0; place < words.length; place++) {
    const word = words[place] ?? '';
    if (word === '--') return [...own, ...words.slice(place)];
    const { flag, value: attached } = splitWord(word);
    const name = flag.startsWith('-') ? ownSpelling(flag, declared) : flag;
    const option = byFlag.get(name);
    own.push(option === undefined || attached === undefined ? (option ? name : word) : `${name}=${attached}`);
    if (option === undefined || !(option.required || option.optional)) continue;
    const value = attached ?? valueAfter(option, words[place + 1]);
    if (attached === undefined && value !== undefined) {
      own.push(value);
      place++;
    }
    if (!isList(option)) assertFirst({ text: textOf(flag, value, option), option }, once, help);
  }
  return own;
}

function splitWord(word: string): { flag: string; value?: string } {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? { flag: word } : { flag: word.slice(0, equals), value: word.slice(equals + 1) };
}

/** As commander takes it: a required value is the next word whatever it looks like, an optional one no word that begins with a dash. */
function valueAfter(option: Option, next: string | undefined): string | undefined {
  return option.required || next?.startsWith('-') === false ? next : undefined;
}

/** Whether an option collects its values. */
function isList(option: Option): boolean {
  return option.variadic || option.parseArg !== undefined;
}

function assertFirst(given: Given, once: Map<Option, Given>, help: string): void {
  const { option, text } = given;
  const first = once.get(option);
  once.set(option, given);
  if (first === undefined) return;
  const problem = `${option.long ?? option.flags} is given twice, as ${first.text} and as ${text}. Give it once.`;
  throw new EspalierError('CLI_USAGE', { problem, help });
}

/** Keys are secrets, and a prompt may be long. */
function textOf(flag: string, value: string | undefined, { long = '' }: Option): string {
  if (value === undefined) return flag;
  if (long.endsWith('-key')) return `${flag} (a key)`;
  return `${flag} ${value.length > 60 ? `${value.slice(0, 60)}…` : value}`;
}
