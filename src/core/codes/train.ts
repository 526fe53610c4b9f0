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
      'At step {step} these are not finite: {names}. Lower {option:learningRate}, set {option:maxGradNorm}, or check the base for NaN.',
    help: 'A loss or a gradient became NaN or infinite, so that every later step would be worthless. Nothing was saved; the base is untouched.',
  },
  TRAIN_STUCK: {
    status: 500,
    retryable: false,
    message:
      'After {steps} steps these have not moved at all: {names}. Check that the rows are longer than one token and that the targets are used by the model.',
    help: 'Trainable weights got no gradient in the first steps. Saving them would pass off untrained weights as trained. Nothing was saved.',
  },
} as const satisfies Record<string, CodeEntry>;
