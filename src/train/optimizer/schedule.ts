/** The schedules of the learning rate. */
export const scheduleNames = ['constant', 'linear', 'cosine'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

export interface ScheduleSettings {
  readonly schedule: ScheduleName;
  readonly learningRate: number;
  /** The rate at which linear and cosine end. Default: 0. */
  readonly minLearningRate?: number | undefined;
  /** Number of steps in which the rate rises from 0 to its full value. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The learning rate of one optimizer step, as Hugging Face transformers schedules it.
 *
 *   step < warmup   lr · step / warmup                    (the first step of a warm-up has the rate 0)
 *   constant        lr
 *   linear          min + (lr − min) · (total − step) / (total − warmup)
 *   cosine          min + (lr − min) · ½·(1 + cos(π · (step − warmup) / (total − warmup)))
 *
 * @param step  counted from 0
 */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  const { schedule, learningRate, minLearningRate: floor = 0, warmupSteps, totalSteps } = settings;
  if (step < warmupSteps) return (learningRate * step) / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (schedule) {
    case 'constant':
      return learningRate;
    case 'linear':
      return floor + (learningRate - floor) * Math.max(0, 1 - progress);
    case 'cosine':
      // WHY a bound on the progress: beyond the last step the cosine would rise again.
      return floor + (learningRate - floor) * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress))));
  }
}

/** The number of steps of the warm-up: as given, or a share of all steps, rounded up as transformers does. */
export function warmupOf(
  { warmupSteps, warmupRatio }: { readonly warmupSteps: number; readonly warmupRatio?: number | undefined },
  totalSteps: number,
): number {
  return warmupRatio === undefined ? warmupSteps : Math.ceil(warmupRatio * totalSteps);
}
