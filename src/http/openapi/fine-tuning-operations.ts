import { uploadFileSchema } from '../fine-tuning/file-routes.ts';
import { createJobSchema } from '../fine-tuning/job-body.ts';
import {
  checkpointsAnswer,
  fileAnswer,
  filesAnswer,
  jobAnswer,
  jobEventsAnswer,
  jobsAnswer,
} from './answers/fine-tuning.ts';
import { deletedAnswer } from './answers/text.ts';
import type { Operation, Operations } from './operation.ts';

const operation = (summary: string): Operation => ({ tag: 'Fine-tuning', summary });

/** The routes of fine-tuning jobs and their files, in the form of the OpenAI API. Lists take `limit` and `after`. */
export const fineTuningOperations: Operations = {
  'POST /v1/files': {
    answer: fileAnswer,
    ...operation('Takes a file of rows, of which each line is checked.'),
    body: uploadFileSchema,
    bodyType: 'multipart/form-data',
  },
  'GET /v1/files': { ...operation('The files.'), answer: filesAnswer },
  'GET /v1/files/:id': { ...operation('A file.'), answer: fileAnswer },
  'GET /v1/files/:id/content': { ...operation('The content of a file.'), answerType: 'application/octet-stream' },
  'DELETE /v1/files/:id': { ...operation('Removes a file.'), answer: deletedAnswer('file') },
  'POST /v1/fine_tuning/jobs': {
    answer: jobAnswer,
    ...operation('Begins a fine-tuning job. Its adapter is served when it is done. Takes Idempotency-Key.'),
    body: createJobSchema,
    example: {
      model: 'base',
      training_file: 'file-3f9a0c6d1b2e4f5a6b7c8d9e',
      suffix: 'support',
      seed: 7,
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 3, batch_size: 'auto' } } },
      metadata: { ticket: '17' },
    },
  },
  'GET /v1/fine_tuning/jobs': { ...operation('The fine-tuning jobs, the newest first.'), answer: jobsAnswer },
  'GET /v1/fine_tuning/jobs/:id': { ...operation('A fine-tuning job.'), answer: jobAnswer },
  'GET /v1/fine_tuning/jobs/:id/events': {
    ...operation('What happened to a fine-tuning job, the newest first.'),
    answer: jobEventsAnswer,
  },
  'GET /v1/fine_tuning/jobs/:id/checkpoints': {
    ...operation('The checkpoints of a fine-tuning job that are kept.'),
    answer: checkpointsAnswer,
  },
  'POST /v1/fine_tuning/jobs/:id/cancel': { ...operation('Ends a fine-tuning job.'), answer: jobAnswer },
  'POST /v1/fine_tuning/jobs/:id/pause': {
    ...operation('Holds a fine-tuning job. Its place is free for others.'),
    answer: jobAnswer,
  },
  'POST /v1/fine_tuning/jobs/:id/resume': {
    ...operation('Goes on with a fine-tuning job that is held.'),
    answer: jobAnswer,
  },
};
