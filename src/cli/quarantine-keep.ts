import { z } from 'zod';

const expected = 'a number, a size such as 10GB, an age such as 30d, or several with commas: 200,10GB,30d';
const form = /^(?<value>\d+(?:\.\d+)?)(?<unit>MB|GB|d|h)?$/;
const units = { MB: 2 ** 20, GB: 2 ** 30, h: 3_600_000, d: 86_400_000 };

type Bound = { count: number } | { bytes: number } | { ageMs: number };

/** How much of what was refused is kept: `200`, `10GB`, `30d`, or several of them, each kind at most once. */
export const quarantineKeep = z
  .union([z.string(), z.number().transform(String)], { error: expected })
  .transform((text, context) => {
    const bounds = text.split(',').map((word) => boundOf(word.trim()));
    const found = bounds.filter((bound) => bound !== undefined);
    const kinds = new Set(found.flatMap((bound) => Object.keys(bound)));
    if (found.length === bounds.length && kinds.size === found.length) {
      return Object.assign({}, ...found) as { count?: number; bytes?: number; ageMs?: number };
    }
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });

function boundOf(word: string): Bound | undefined {
  const { value, unit } = form.exec(word)?.groups ?? {};
  const amount = Number(value);
  if (value === undefined || amount === 0) return undefined;
  if (unit === undefined) return Number.isInteger(amount) ? { count: amount } : undefined;
  const size = Math.round(amount * units[unit as keyof typeof units]);
  return unit === 'h' || unit === 'd' ? { ageMs: size } : { bytes: size };
}
