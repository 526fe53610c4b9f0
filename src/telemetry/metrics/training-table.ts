import type { MetricTable } from './definition.ts';

const labels = ['adapter'] as const;

/** Every series that a training has. `adapter` is the name of its output's folder. `docs/metrics.md` says what each is for. */
export const trainingTable = {
  espalier_train_running: { kind: 'gauge', help: 'Whether the training runs.', labels },
  espalier_train_last_update_timestamp_seconds: {
    kind: 'gauge',
    help: 'When these series were written, in Unix seconds.',
    labels,
  },
  espalier_train_steps: { kind: 'gauge', help: 'Optimizer steps that are planned.', labels },
  espalier_train_step: { kind: 'gauge', help: 'Optimizer steps that are done.', labels },
  espalier_train_loss: { kind: 'gauge', help: 'Mean loss of the last step, before its update.', labels },
  espalier_train_held_out_loss: { kind: 'gauge', help: 'Mean loss over the held-out rows, measured last.', labels },
  espalier_train_gradient_norm: {
    kind: 'gauge',
    help: 'Norm of all gradients of the last step, before clipping.',
    labels,
  },
  espalier_train_learning_rate: { kind: 'gauge', help: 'Learning rate of the last step.', labels },
  espalier_train_tokens_per_second: {
    kind: 'gauge',
    help: 'Tokens of the last step by its time; rows where they are not made of tokens.',
    labels,
  },
  espalier_train_target_tokens_total: {
    kind: 'counter',
    help: 'Tokens in the loss of the steps that this process has made; rows where they have labels.',
    labels,
  },
  espalier_train_checkpoints_total: { kind: 'counter', help: 'Checkpoints that this process has written.', labels },
  espalier_train_checkpoint_last_seconds: { kind: 'gauge', help: 'Time to write the last checkpoint.', labels },
  espalier_train_checkpoint_last_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the last checkpoint was written, in Unix seconds.',
    labels,
  },
  espalier_train_warnings_total: { kind: 'counter', help: 'Problems that did not stop the training.', labels },
  espalier_train_ended: {
    kind: 'gauge',
    help: 'Always 1; how the training ended, once it has.',
    labels: ['adapter', 'result'],
  },
} as const satisfies MetricTable;

export type TrainingTable = typeof trainingTable;
