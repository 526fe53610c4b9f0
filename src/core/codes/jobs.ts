import type { CodeEntry } from './code-entry.ts';

/** Errors of `jobs`. Retired codes are never reused. */
export const jobsCodes = {
  JOBS_BUSY: {
    status: 409,
    retryable: true,
    message: 'The folder of jobs {dir} is used by process {pid} already. End that server, or use another folder.',
    help: 'One server at a time runs the jobs of a folder. Nothing was changed.',
  },
  JOBS_UNREADABLE: {
    status: 500,
    retryable: false,
    message: '{path} is not a record of a job or of its file: {problem}. Mend it, or remove its folder.',
    help: 'A folder of jobs holds a record that cannot be read. The server was not started, because a job or a file would be lost.',
  },
  JOBS_FULL: {
    status: 429,
    retryable: false,
    message: '{count} jobs are not over yet, and at most {limit} are taken. Wait for one, or cancel one.',
    help: 'The number of jobs that wait, run or are paused is limited. Nothing was made.',
  },
  JOB_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'There is no fine-tuning job {id}. The list of jobs tells which there are.',
    help: 'The id names no job of this server, or none that the key may see: a key for some names finds the jobs whose adapters have such names.',
  },
  JOB_STATE: {
    status: 400,
    retryable: false,
    message: 'The fine-tuning job {id} is {status}: it cannot be {action}.',
    help: 'A job that has ended stays as it is. A job is paused while it waits or runs, and resumed while it is paused. When the training itself is over and its adapter is being brought into service, it can no longer be stopped.',
  },
  JOB_FILE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No such File object: {id}. The list of files tells which there are.',
    help: 'The id names no file of this server, or none that the key may see: a key for some names finds the files that it has sent.',
  },
  JOB_FILE_IN_USE: {
    status: 409,
    retryable: false,
    message: 'The file {id} is used by the job {job}, which is not over yet. Cancel the job first, or wait for it.',
    help: 'A training reads the rows of its file until it ends. Nothing was removed.',
  },
  JOB_FILES_FULL: {
    status: 507,
    retryable: false,
    message: 'The files for jobs have {found}, and at most {limit} are kept. Delete some that are not needed.',
    help: 'The number and the size of all uploaded files together are limited. Nothing was kept of the upload.',
  },
  JOB_LEFT_RUNNING: {
    status: 500,
    retryable: false,
    message:
      'The process {pid} of an earlier server still trains for the job {id}, and cannot be ended: {problem}. End it, and create the job again.',
    help: 'A server that starts ends what the one before it left behind. Where it cannot, the job fails, so that no two processes train it at once. The other jobs go on.',
  },
  JOB_ADAPTER_UNVOUCHED: {
    status: 403,
    retryable: false,
    message:
      'The adapter of the job is trained and lies in {path}. It is not served: {reason} Let the server sign what its jobs train (--job-signing-key), and name that public key in the policy for {name}; or sign this folder, and drop it into the store.',
    help: 'The server has a policy of signatures (`--policy`), which takes the adapter of the job from nobody. Nothing of the training is lost: the folder of the job holds the adapter and its checkpoints. See docs/supply-chain.md.',
  },
  JOB_FAILED: {
    status: 500,
    retryable: false,
    message: 'The training of the job ended with {how} and left no result. {words}',
    help: 'The process that trained was ended from outside, or ran out of the memory that a job may take (`--job-memory`). What it wrote last on its standard error is told.',
  },
} as const satisfies Record<string, CodeEntry>;
