import type { CodeEntry } from './code-entry.ts';

/** Errors of `checkpoint`. Retired codes are never reused. */
export const checkpointCodes = {
  CHECKPOINT_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'There is no checkpoint at {path}: expected a folder with {expected}.',
    help: 'The path names neither a checkpoint nor a folder of checkpoints. `espalier train` writes checkpoints to the folder `<output>.checkpoints` when --save-steps is given.',
  },
  CHECKPOINT_INVALID: {
    status: 422,
    retryable: false,
    message: 'The checkpoint {path} is refused: {problem}. Use an earlier one, or remove it.',
    help: 'A file of the checkpoint is missing, cut off or changed, or a newer version of Espalier wrote it. Nothing was read from it. `espalier checkpoint verify` checks every byte of a checkpoint.',
  },
} as const satisfies Record<string, CodeEntry>;
