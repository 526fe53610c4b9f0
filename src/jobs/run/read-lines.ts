import { z } from 'zod';

/** JSON has null in the place of a number that is not finite. */
const loss = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const stepped = z.object({
  kind: z.literal('stepped'),
  steps: z.number(),
  metrics: z.object({
    step: z.number(),
    loss,
    learningRate: z.number(),
    gradNorm: loss,
    targetTokens: z.number(),
    tokensPerSecond: loss,
    evalLoss: loss.optional(),
  }),
});

const line = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('planned'), plan: z.object({ steps: z.number(), trainableParameters: z.number() }) }),
  stepped,
  z.object({ kind: z.literal('evaluated'), step: z.number(), loss }),
  z.object({ kind: z.literal('resumed'), step: z.number() }),
  z.object({ kind: z.literal('saved'), step: z.number() }),
  z.object({ kind: z.literal('warned'), message: z.string() }),
  z.object({
    kind: z.literal('finished'),
    result: z.object({ steps: z.number(), interrupted: z.boolean(), targetTokens: z.number() }),
  }),
]);

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** What a training tells in a line. */
export type TrainingLine =
  | z.output<typeof line>
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

export type TrainedStep = z.output<typeof stepped>;

/** Reads a line of `espalier train --json-events`. @returns undefined for a line that says nothing of interest */
export function readLine(text: string): TrainingLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const read = line.safeParse(value);
  if (read.success) return read.data;
  const failed = failure.safeParse(value);
  return failed.success ? { kind: 'error', ...failed.data.error } : undefined;
}

/** A job has about so many lines of metrics at most, whatever its length. */
const linesOfMetrics = 500;

/** Whether a step is kept as an event: the first, the last, those with a held-out loss, and of the others as many as are read. Pure. */
export function isKept({ steps, metrics: { step, evalLoss } }: TrainedStep): boolean {
  return step === 1 || step === steps || evalLoss !== undefined || step % Math.ceil(steps / linesOfMetrics) === 0;
}
