import type { CodeEntry } from './code-entry.ts';

/** Errors that every layer can raise. Retired codes are never reused. */
export const coreCodes = {
  DISPOSED: {
    status: 500,
    retryable: false,
    message: '{name} was used after it was disposed. Keep it open until its last use.',
    help: 'A handle was closed before its last use. Nothing else is affected.',
  },
  SHAPE_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'Expected shape {expected} for {name}, got {actual}.',
    help: 'A tensor has the wrong dimensions for its use. Nothing was changed.',
  },
  OUTPUT_EXISTS: {
    status: 409,
    retryable: false,
    message:
      'The output {path} exists already. Choose another path, or remove it first ({option:force}, where the command has it, replaces an older version).',
    help: 'Espalier never writes over an existing output. Nothing was changed.',
  },
  OUTPUT_NOT_OURS: {
    status: 409,
    retryable: false,
    message:
      'The output {path} is not replaced by the new {kind}: {reason}. Choose another path, or move away what lies there.',
    help: 'Replacing removes the whole folder. So an adapter replaces only an adapter, a model only a model, and neither one a folder with other files or folders in it. Nothing was changed.',
  },
  OUTPUT_NOT_WRITABLE: {
    status: 403,
    retryable: false,
    message: 'The output {path} cannot be written: {reason}. Choose another path, or change that.',
    help: 'The system refuses to create files at this place. Nothing was changed. The error of the system is the cause.',
  },
  OUTPUT_BUSY: {
    status: 409,
    retryable: true,
    message:
      'The output {path} is being written by process {pid} already. Wait until it has ended, or choose another path.',
    help: 'Two processes cannot write the same output: the second would lose its work at the end. Nothing was changed.',
  },
  DISK_FULL: {
    status: 507,
    retryable: true,
    message:
      'The disk of {folder} is full: {what} could not be written ({written} of it were, {free} are free). Make room, or choose a folder on another disk.',
    help: 'A file or a folder did not fit on its disk, or into the quota of the user. What had been written of it was removed; what was there before is unchanged.',
  },
  FILE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No {what} at {path}. Check the path.',
    help: 'The named file or folder does not exist or cannot be read.',
  },
} as const satisfies Record<string, CodeEntry>;
