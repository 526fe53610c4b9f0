/** From when until when a line of allowed signers counts, in Unix milliseconds. */
interface SignerTimes {
  readonly after: number | undefined;
  readonly before: number | undefined;
}

const form = 'YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z behind it for UTC';

/**
 * What is wrong with the times of a line of allowed signers.
 * @returns undefined: nothing
 */
export function problemOfTimes(line: string): string | undefined {
  const times = timesOf(line);
  return typeof times === 'string' ? times : undefined;
}

/**
 * The lines of allowed signers that count at a time: those whose `valid-after` has come and whose `valid-before` has not, and those without.
 * WHY not left to `ssh-keygen`: git gives it the time of the commit, which is written by who signs.
 *
 * @param text  lines of allowed signers, whose times are well formed
 * @param now   Unix time in milliseconds
 */
export function signersAt(text: string, now: number): string {
  return text
    .split('\n')
    .filter((line) => line.trim() === '' || line.trim().startsWith('#') || countsAt(line, now))
    .join('\n');
}

function countsAt(line: string, now: number): boolean {
  const times = timesOf(line);
  if (typeof times === 'string') return false;
  const { after = -Infinity, before = Infinity } = times;
  return after <= now && now < before;
}

/** @returns words for what is wrong */
function timesOf(line: string): SignerTimes | string {
  const options = optionsOf(line.trim());
  const after = timeOf(options, 'valid-after');
  if (typeof after === 'string') return after;
  const before = timeOf(options, 'valid-before');
  if (typeof before === 'string') return before;
  if (after !== undefined && before !== undefined && before <= after) return 'valid-before is not behind valid-after';
  return { after, before };
}

/** The options between the names and the key, with the text behind `=` as it is written. The names of options have no case. */
function optionsOf(line: string): readonly (readonly [name: string, value: string])[] {
  const rest = line.replace(/^(?:"[^"]*"|\S+)\s+/, '');
  const [words = ''] = /^(?:"(?:\\.|[^"\\])*"|[^\s"])*/.exec(rest) ?? [];
  return [...words.matchAll(/([^,="]+)(?:=("(?:\\.|[^"\\])*"|[^,]*))?/g)].map(([, name = '', value = '']) => [
    name.toLowerCase(),
    value,
  ]);
}

/** @returns Unix time in milliseconds, words for what is wrong, or undefined if there is no such option */
function timeOf(options: ReturnType<typeof optionsOf>, name: string): number | string | undefined {
  const values = options.filter(([one]) => one === name).map(([, value]) => value);
  if (values.length === 0) return undefined;
  if (values.length > 1) return `it says ${name} twice`;
  const text = /^"([^"]*)"$/.exec(values[0] ?? '')?.[1];
  const time = text === undefined ? undefined : parseTime(text);
  return time ?? `${name} is not a time in quotes (${form})`;
}

/** @returns undefined if it is none of the forms of `ssh-keygen`, or no day of the calendar */
function parseTime(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/i.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((one) => Number(one ?? 0));
  const fields = [year, month - 1, day, hour, minute, second] as const;
  const utc = new Date(Date.UTC(...fields));
  const read = [utc.getUTCFullYear(), utc.getUTCMonth(), utc.getUTCDate(), utc.getUTCHours(), utc.getUTCMinutes()];
  if (year < 1970 || second > 59 || read.some((one, index) => one !== fields[index])) return undefined;
  return parts[7] === undefined ? new Date(...fields).getTime() : utc.getTime();
}
