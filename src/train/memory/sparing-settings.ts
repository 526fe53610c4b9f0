import { z } from 'zod';
import type { TrainConfig } from '../config/train-config.ts';

const settingsSchema = z.object({
  recompute: z.boolean(),
  pack: z.boolean(),
  batchSize: z.number().int().positive(),
  accumulate: z.number().int().positive(),
});

/** Settings that decide how much memory a training needs, and not which steps it takes. */
export type SparingSettings = z.output<typeof settingsSchema>;

export const memoryChoiceSchema = settingsSchema.extend({
  /** Bytes. */
  limit: z.number(),
  /** The predicted peak, in bytes. */
  predicted: z.number(),
});

/** How a training fits into its memory limit. */
export type MemoryChoice = z.output<typeof memoryChoiceSchema>;

/** The settings that a checkpoint's fingerprint tells; undefined if it was written without a memory limit. */
export function settingsIn(fingerprint: Readonly<Record<string, string>>): SparingSettings | undefined {
  const names = Object.keys(settingsSchema.shape);
  const told = names.flatMap((name) => {
    const value = fingerprint[`setting ${name}`];
    return value === undefined ? [] : [[name, JSON.parse(value)] as const];
  });
  return settingsSchema.safeParse(Object.fromEntries(told)).data;
}

export interface SparingOptions {
  /** Whether a batch may be divided into more micro-batches. */
  readonly divides: boolean;
}

/**
 * How much more time a pass takes: measured on a base of floats without packed weights, with layers that are computed again, and with
 * micro-batches of half the rows. See `LOG.md`, 2026-11-30.
 */
const cost = { unpacked: 1.07, recompute: 1.3, half: 1.06 } as const;

/**
 * The ways to take the steps of a training, the fastest first. What the settings say of `recompute` and `pack` is kept, except that
 * `recompute` may be turned on.
 */
export function sparingSettings(
  { recompute: isOn, pack: given, batchSize, accumulate }: TrainConfig,
  { divides }: SparingOptions,
): SparingSettings[] {
  const divisors = Array.from({ length: divides ? batchSize : 1 }, (_, i) => i + 1).filter((n) => batchSize % n === 0);
  const all = divisors.flatMap((parts) =>
    (isOn ? [true] : [false, true]).flatMap((recompute) =>
      (given === undefined ? [true, false] : [given]).map((pack) => ({
        settings: { recompute, pack, batchSize: batchSize / parts, accumulate: accumulate * parts },
        time: (recompute ? cost.recompute : 1) * (pack ? 1 : cost.unpacked) * cost.half ** Math.log2(parts),
      })),
    ),
  );
  return all.toSorted((a, b) => a.time - b.time).map(({ settings }) => settings);
}
