import { z } from 'zod';
import type { RolloutOptions } from '../routing/index.ts';

type Step = NonNullable<RolloutOptions['steps']>[number];

const expected = 'steps such as shadow,10%,100% or shadow=50%:30s,25%:5m:500,100%';
const form =
  /^(?:(?<shadow>shadow)(?:=(?<mirror>[\d.]+)%)?|(?<share>[\d.]+)%)(?::(?<time>[\d.]+)(?<unit>s|m|h)(?::(?<samples>\d+))?)?$/;
const units = { s: 1000, m: 60_000, h: 3_600_000 };

/** Share of the requests that a shadow step mirrors unless it says so. */
const usualMirror = 0.1;

/**
 * Steps of a roll-out in one word: `shadow` or a share of the keys each, then the shortest time and the fewest calls if they are not the
 * usual ones. In a settings file they may be a list of objects as well.
 */
export const rolloutSteps = z.union(
  [
    z.array(z.record(z.string(), z.number())).min(1),
    z
      .string()
      .min(1)
      .transform((text, context): Step[] => {
        const steps = text.split(',').map((word) => stepOf(word.trim()));
        if (steps.every((step) => step !== undefined)) return steps;
        context.addIssue({ code: 'custom', message: expected });
        return [];
      }),
  ],
  { error: expected },
);

function stepOf(word: string): Step | undefined {
  const found = form.exec(word)?.groups;
  if (found === undefined) return undefined;
  const { shadow, mirror, share, time, unit, samples } = found;
  return {
    ...(shadow === undefined
      ? { share: Number(share) / 100 }
      : { mirror: mirror === undefined ? usualMirror : Number(mirror) / 100 }),
    ...(time === undefined ? {} : { minimumMs: Number(time) * units[unit as keyof typeof units] }),
    ...(samples === undefined ? {} : { minimumSamples: Number(samples) }),
  };
}
