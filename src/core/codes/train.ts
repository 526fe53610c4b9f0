import type { CodeEntry } from './code-entry.ts';

/** Errors of `train`. Retired codes are never reused. */
export const trainCodes = {
  TRAIN_CONFIG_UNKNOWN: {
    status: 400,
    retryable: false,
    message: '{source} holds "{key}", which no training knows.{hint}',
    help: 'A setting of a training is misspelt or does not exist. In code the settings are those of `TrainOptions`; in a file and on the command line they are the long options of `espalier train`. Nothing was started.',
  },
  TRAIN_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: '{option} expects {expected}, got {actual}.',
    help: 'A setting of a training has a value that it cannot have. Nothing was started.',
  },
  TRAIN_CONFIG_CONFLICT: {
    status: 400,
    retryable: false,
    message: '{first} and {second} contradict each other: {reason}.',
    help: 'Two settings of a training cannot both be followed. Nothing was started.',
  },
  TRAIN_CONFIG_UNREADABLE: {
    status: 400,
    retryable: false,
    message: 'The settings file {path} cannot be read as YAML: {reason}',
    help: 'The file that --config names must be a YAML mapping of option names to values. Nothing was started.',
  },
  TRAIN_NO_PARAMETER: {
    status: 500,
    retryable: false,
    message: 'No trainable parameter is called {name}.',
    help: 'A parameter was asked for that this training does not have. Nothing was changed.',
  },
  TRAIN_NOT_FINITE: {
    status: 500,
    retryable: false,
    message:
      'At step {step}, before any weight has changed, these are not finite: {names}. Check the base for NaN, and the rows for numbers beyond its type.',
    help: 'The first loss or the first gradient of a training is NaN or infinite, so that the base or the data are at fault. Nothing was saved; the base is untouched.',
  },
  TRAINING_DIVERGED: {
    status: 500,
    retryable: false,
    message:
      'The training has diverged: at step {step}, with a learning rate of {learningRate}, {seen}. Lower {option:learningRate}, give {option:warmupSteps}, or set {option:maxGradNorm}. {kept}',
    help: 'The weights have left every range in which they mean something, so that later steps would be worthless. docs/training.md says what is watched. The output was not written; the base is untouched.',
  },
  OUTPUT_RESCUED: {
    status: 507,
    retryable: false,
    message:
      'The training ended, and {path} could not be written: {reason} The result was saved to {rescue} instead. Move it to where it belongs.',
    help: 'The disk of the output was full, or its place was taken meanwhile. Nothing that was trained is lost: the whole folder was written elsewhere, by default in the folder for temporary files (TMPDIR).',
  },
  TRAIN_STATE_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'The state of the {what} does not fit this training: expected {expected}, got {actual}.',
    help: 'A training can go on only from a state of the same parameters, optimizer and seed. Nothing was changed.',
  },
  TRAIN_STUCK: {
    status: 500,
    retryable: false,
    message:
      'After {steps} steps these have not moved at all: {names}. Check that the rows are longer than one token and that the targets are used by the model.',
    help: 'Trainable weights got no gradient in the first steps. Saving them would pass off untrained weights as trained. Nothing was saved.',
  },
} as const satisfies Record<string, CodeEntry>;
