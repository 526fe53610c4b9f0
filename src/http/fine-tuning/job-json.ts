import { checkpointNameOf } from '../../core/index.ts';
import type { FileRecord, JobCheckpoint, JobRecord, LoggedEvent } from '../../jobs/index.ts';

/** A job in the form of OpenAI's API, with what this server knows besides. */
export function jobJson(job: JobRecord): object {
  const { nEpochs, batchSize, learningRateMultiplier } = job.hyperparameters;
  const hyperparameters = {
    n_epochs: nEpochs,
    batch_size: batchSize,
    learning_rate_multiplier: learningRateMultiplier,
  };
  return {
    id: job.id,
    object: 'fine_tuning.job',
    created_at: job.createdAt,
    finished_at: job.finishedAt,
    status: job.status,
    model: job.model,
    fine_tuned_model: job.status === 'succeeded' ? job.fineTunedModel : null,
    training_file: job.trainingFile,
    validation_file: job.validationFile,
    hyperparameters,
    method: { type: 'supervised', supervised: { hyperparameters } },
    seed: job.seed,
    error: job.error,
    trained_tokens: job.trainedTokens,
    result_files: job.resultFiles,
    estimated_finish: null,
    integrations: [],
    metadata: job.metadata,
    organization_id: 'espalier',
    user_provided_suffix: job.suffix,
    start_version: job.startVersion,
    adapter: job.adapter,
    rollout: job.rollout,
    steps: job.steps,
  };
}

export function eventJson({ id, createdAt, level, message, type, data }: LoggedEvent): object {
  return { object: 'fine_tuning.job.event', id, created_at: createdAt, level, message, type, data };
}

/** Its name is that of the finished adapter with the step behind it, as OpenAI has it. */
export function checkpointJson({ id, fineTunedModel }: JobRecord, checkpoint: JobCheckpoint): object {
  const { step, trainLoss, validLoss, createdAt } = checkpoint;
  return {
    object: 'fine_tuning.job.checkpoint',
    id: checkpoint.id,
    created_at: createdAt,
    fine_tuned_model_checkpoint: checkpointNameOf(fineTunedModel, step),
    fine_tuning_job_id: id,
    step_number: step,
    metrics: {
      step,
      ...(trainLoss !== undefined && { train_loss: trainLoss }),
      ...(validLoss !== undefined && { valid_loss: validLoss }),
    },
  };
}

export function fileJson({ id, bytes, createdAt, filename, purpose }: FileRecord): object {
  return {
    object: 'file',
    id,
    bytes,
    created_at: createdAt,
    filename,
    purpose,
    status: 'processed',
    status_details: null,
  };
}
