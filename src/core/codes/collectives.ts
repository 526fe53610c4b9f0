import type { CodeEntry } from './code-entry.ts';

/** Errors of `collectives`. Retired codes are never reused. */
export const collectivesCodes = {
  GROUP_SETTINGS_INVALID: {
    status: 400,
    retryable: false,
    message: '{name} expects {expected}, got {actual}.',
    help: 'A process was started as one of a group, by `espalier launch` or with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its environment, and what these say is incomplete or contradicts itself. Nothing was started.',
  },
  GROUP_UNREACHABLE: {
    status: 503,
    retryable: true,
    message: 'Rank {rank} could not join the group at {address} within {seconds} s: {problem}.',
    help: 'The processes of a group did not find each other. All must be started with the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT, each with another RANK, and must reach each other over the network. Nothing was trained.',
  },
  GROUP_REFUSED: {
    status: 403,
    retryable: false,
    message: 'Rank {rank} was refused by {peer}: {problem}.',
    help: 'The processes of a group do not agree on their key (ESPALIER_GROUP_KEY), on the number of processes or on the version of Espalier, or two have the same rank. Nothing was trained.',
  },
  GROUP_RANK_LOST: {
    status: 503,
    retryable: true,
    message:
      'Rank {lost} was lost: {problem}. The group has ended. Start all ranks again, with --resume where there are checkpoints.',
    help: 'A process of the group ended, stopped or can no longer be reached. The others end too, and write nothing more. With checkpoints (--save-steps), start all again with --resume, with the same number of processes or another.',
  },
  GROUP_ABORTED: {
    status: 500,
    retryable: false,
    message: 'Rank {aborted} ended the group: {problem}',
    help: 'An error of one process ended all of them. The message is that of the process with the error.',
  },
  GROUP_MISMATCH: {
    status: 500,
    retryable: false,
    message: 'The ranks are not at the same operation: rank {rank} is at {own}, and rank {peer} at {other}.',
    help: 'Every process of a group must call the same operations, with arrays of the same type and length, in the same order. The group has ended, and the content of the arrays is undefined.',
  },
  GROUP_FRAME_INVALID: {
    status: 502,
    retryable: false,
    message: 'What rank {peer} sent is refused: {problem}. The group has ended.',
    help: 'A message between two processes of a group was damaged, or is none of this version of Espalier. Nothing of it was used.',
  },
  GROUP_CLOSED: {
    status: 500,
    retryable: false,
    message: 'Rank {rank} has left its group, and takes part in no further operation.',
    help: 'An operation was called after `close` or `abort`.',
  },
  GROUP_MPI_UNUSABLE: {
    status: 500,
    retryable: false,
    message: 'The process was started by {launcher}, and MPI cannot be used: {problem}.',
    help: 'Under `mpirun` or `srun`, Espalier loads the library of MPI that belongs to the launcher: Open MPI, MPICH or one with the ABI of MPI 5. ESPALIER_MPI_LIBRARY names its file where it is not found by itself. Nothing was trained.',
  },
  GROUP_MPI_FAILED: {
    status: 503,
    retryable: true,
    message: '{call} failed: {problem}. The group has ended.',
    help: 'The library of MPI reported an error, such as a connection with another process that broke. With checkpoints (--save-steps), start all again with --resume, with the same number of processes or another.',
  },
} as const satisfies Record<string, CodeEntry>;
