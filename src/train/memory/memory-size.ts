const units = { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** What a size of memory looks like: 800MB, 1.5 GB, 2GiB. */
export const memorySizePattern = /^\d+(\.\d+)? ?(MB|GB|MiB|GiB)$/;

/** The bytes of a size of memory. @throws TypeError if it does not fit the pattern, which the settings are checked against */
export function memorySizeOf(text: string): number {
  const unit = (Object.keys(units) as (keyof typeof units)[]).find((each) => text.endsWith(each));
  if (unit === undefined || !memorySizePattern.test(text)) throw new TypeError(`${text} is no size of memory`);
  return Math.round(Number(text.slice(0, -unit.length)) * units[unit]);
}
