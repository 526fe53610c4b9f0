import type { CodeEntry } from './code-entry.ts';

/** Errors of `train`. Retired codes are never reused. */
export const trainCodes = {
  TRAIN_CONFIG_UNKNOWN: {
    status: 400,
    retryable: false,
    message: '{source} has "{key}", which is not a setting of a training.{hint}',
    help: 'A setting of a training is misspelt or does not exist. In code the settings are those of `TrainOptions`; in a file and on the command line they are the long options of `espalier train`. Nothing was started.',
  },
  TRAIN_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: '{option} expects {expected}, got {actual}.',
    help: 'The value of a setting of a training has the wrong type or is out of range. Nothing was started.',
  },
  TRAIN_CONFIG_CONFLICT: {
    status: 400,
    retryable: false,
    message: '{first} and {second} contradict each other: {reason}.',
    help: 'Two settings of a training exclude each other. Nothing was started.',
  },
  TRAIN_MEMORY_LIMIT: {
    status: 400,
    retryable: false,
    message:
      '{option} {limit} is not enough: the least that this training needs is predicted as {least}, with layers computed again and {rows} rows in a micro-batch.',
    help: 'No choice of recomputation, packed weights and micro-batches keeps the peak of the process within the limit. Give more memory, shorter rows (--max-length), fewer or smaller adapters (--target-modules, --rank), or a base of 8 or 4 bits. Nothing was started.',
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
    message: 'There is no trainable parameter named {name}.',
    help: 'This training has no parameter of the requested name. Nothing was changed.',
  },
  TRAIN_NOT_FINITE: {
    status: 500,
    retryable: false,
    message:
      'At step {step}, before any weight has changed, these are not finite: {names}. Check the base for NaN, and the rows for numbers beyond its type.',
    help: 'The first loss or the first gradient of a training is NaN or infinite. The cause is the base or the data. Nothing was saved. The base was not changed.',
  },
  TRAINING_DIVERGED: {
    status: 500,
    retryable: false,
    message:
      'The training has diverged: at step {step}, with a learning rate of {learningRate}, {seen}. Lower {option:learningRate}, give {option:warmupSteps}, or set {option:maxGradNorm}. {kept}',
    help: 'The weights have grown beyond any useful range, so later steps would be useless. docs/training.md says what is watched. The output was not written. The base was not changed.',
  },
  OUTPUT_RESCUED: {
    status: 507,
    retryable: false,
    message:
      'The training ended, and {path} could not be written: {reason} The result was saved to {rescue} instead. Move it to where it belongs.',
    help: 'The disk of the output was full, or its path was taken during the training. The result is complete: it was written to another folder, the one of --rescue-folder, or by default the folder for temporary files (TMPDIR).',
  },
  TRAIN_STATE_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'The state of the {what} does not fit this training: expected {expected}, got {actual}.',
    help: 'A training can go on only from a state of the same parameters, optimizer and seed. Nothing was changed.',
  },
  TRAIN_UNFINISHED: {
    status: 409,
    retryable: false,
    message:
      'There are checkpoints of an unfinished training to {output} (step {step} of {steps}). Give {option:resume} to go on from there, or {option:force} to begin anew, which removes them.',
    help: 'An earlier training to this output was interrupted, and its checkpoints are in `<output>.checkpoints`. A new training would replace them. Nothing was changed.',
  },
  TRAIN_RESUME_DIFFERS: {
    status: 409,
    retryable: false,
    message:
      'The training to {output} cannot go on from {checkpoint}, because it would not end in the same bytes: {differences}. {advice}',
    help: 'A training is resumed only with the base, tokenizer, rows and settings with which it began, and on the same version of Espalier, number of threads and processor. The last three may be allowed to differ with `--allow-changed`. Nothing was changed.',
  },
  TRAIN_RESUME_BROKEN: {
    status: 422,
    retryable: false,
    message:
      'None of the checkpoints of {output} can be used. {refused} Give {option:force} without {option:resume} to begin anew, which removes them.',
    help: 'Every checkpoint of the interrupted training is cut off or changed. The message says what is wrong with each. Nothing was changed.',
  },
  TRAIN_RUNS_REFUSED: {
    status: 400,
    retryable: false,
    message: 'None of the runs was begun. {problems}',
    help: 'Several trainings were to run at the same time, and at least one of them cannot: two have the same output, or the settings, the rows or the output of one are refused. The message names each run with its reason. Nothing was trained.',
  },
  TRAIN_STUCK: {
    status: 500,
    retryable: false,
    message:
      'After {steps} steps these parameters have not changed: {names}. Check that the rows are longer than one token and that the model uses the targets.',
    help: 'Some trainable weights got no gradient in the first steps. Espalier does not save weights that were never trained. Nothing was saved.',
  },
  TRAIN_RANKS_DIFFER: {
    status: 409,
    retryable: false,
    message: 'The ranks do not train the same: {differences}.',
    help: 'All processes of a training need the same base, rows, settings and version of Espalier, and after each step all have the same weights. Before the first step what differs is named and nothing was changed; a difference later means that a machine computes wrongly, and nothing is saved.',
  },
} as const satisfies Record<string, CodeEntry>;
