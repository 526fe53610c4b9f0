import { z } from 'zod';

const count = z.int().nonnegative();

const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });

export const fileAnswer = z.object({
  object: z.literal('file'),
  id: z.string(),
  bytes: count,
  created_at: z.int(),
  filename: z.string(),
  purpose: z.string(),
  status: z.literal('processed'),
  status_details: z.null(),
});

export const filesAnswer = page(fileAnswer);

const hyperparameters = z.object({
  n_epochs: z.union([z.number(), z.literal('auto')]),
  batch_size: z.union([z.number(), z.literal('auto')]),
  learning_rate_multiplier: z.union([z.number(), z.literal('auto')]),
});

export const jobAnswer = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  created_at: z.int(),
  finished_at: z.int().nullable(),
  status: z.string(),
  model: z.string(),
  fine_tuned_model: z.string().nullable(),
  training_file: z.string(),
  validation_file: z.string().nullable(),
  hyperparameters,
  method: z.object({ type: z.literal('supervised'), supervised: z.object({ hyperparameters }) }),
  seed: z.int(),
  error: z.record(z.string(), z.unknown()).nullable(),
  trained_tokens: count.nullable(),
  result_files: z.array(z.string()),
  estimated_finish: z.null(),
  integrations: z.array(z.unknown()).max(0),
  metadata: z.record(z.string(), z.string()).nullable(),
  organization_id: z.string(),
  user_provided_suffix: z.string().nullable(),
  start_version: z.string().nullable(),
  adapter: z.string().nullable(),
  rollout: z.string().nullable(),
  steps: count.nullable(),
});

export const jobsAnswer = page(jobAnswer);

export const jobEventsAnswer = page(
  z.object({
    object: z.literal('fine_tuning.job.event'),
    id: z.string(),
    created_at: z.int(),
    level: z.string(),
    message: z.string(),
    type: z.string(),
    data: z.unknown(),
  }),
);

export const checkpointsAnswer = page(
  z.object({
    object: z.literal('fine_tuning.job.checkpoint'),
    id: z.string(),
    created_at: z.int(),
    fine_tuned_model_checkpoint: z.string(),
    fine_tuning_job_id: z.string(),
    step_number: count,
    metrics: z.object({ step: count, train_loss: z.number().optional(), valid_loss: z.number().optional() }),
  }),
);
