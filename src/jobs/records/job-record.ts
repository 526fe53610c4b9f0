import { z } from 'zod';
import { jobStatuses } from '../../core/index.ts';

const mark = z.object({ realm: z.string(), pid: z.number().int(), start: z.string() });

/** What is kept of a job, as `job.json`. */
export const jobRecordSchema = z.object({
  /** `ftjob-` and 24 characters. */
  id: z.string(),
  status: z.enum(jobStatuses),
  /** Unix times in seconds. */
  createdAt: z.number().int(),
  finishedAt: z.number().int().nullable(),
  /** The base, or the adapter with which the training begins, as the request names it. */
  model: z.string(),
  /** The version with which the training begins, a copy of which is in the folder of the job; null: at the base. */
  startVersion: z.string().nullable(),
  trainingFile: z.string(),
  validationFile: z.string().nullable(),
  suffix: z.string().nullable(),
  seed: z.number().int(),
  metadata: z.record(z.string(), z.string()).nullable(),
  hyperparameters: z.object({
    nEpochs: z.number().int(),
    batchSize: z.number().int(),
    learningRateMultiplier: z.number(),
  }),
  /** The name that the finished adapter gets: `ft:base:suffix:id`. */
  fineTunedModel: z.string(),
  /** A further name that is pointed to the finished adapter. */
  adapter: z.string().nullable(),
  /** How that name gets it; null: as the server does with what comes. */
  rollout: z.enum(['immediate', 'progressive']).nullable(),
  /** Threads that compute. They are kept because the bits of the result depend on their number. */
  threads: z.number().int(),
  /** Rows of the training file; null until they have been counted. */
  rows: z.number().int().nullable(),
  /** Whether the training is over and its adapter is whole. What is left then is to bring it into service. */
  isTrained: z.boolean(),
  /** The steps that are planned. */
  steps: z.number().int().nullable(),
  trainedTokens: z.number().int().nullable(),
  resultFiles: z.array(z.string()),
  error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
  /** The key that made it; null: one without a name. */
  owner: z.string().nullable(),
  /** Who made it, for the history of the names. */
  actor: z.string(),
  /** The span of the request that made it, as the header `traceparent` names it; null: it was not traced. */
  trace: z.string().nullable().default(null),
  /** The process that trains, if one runs. */
  process: mark.nullable(),
});

export type JobRecord = Readonly<z.output<typeof jobRecordSchema>>;

/** Whether it has ended. */
export function isOver({ status }: Pick<JobRecord, 'status'>): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}
