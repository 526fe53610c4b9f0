export { type FileRecord, filePurposes } from './files/file-folder.ts';
export {
  type JobCheckpoint,
  type JobControl,
  Jobs,
  type JobSettings,
  type NewJob,
  type OpenJobsOptions,
} from './jobs.ts';
export type { LoggedEvent } from './records/event-log.ts';
export { fineTunedName, newModelId } from './records/ids.ts';
export { isOver, type JobRecord } from './records/job-record.ts';
export type { FinishedAdapter } from './run/finished-adapter.ts';
export type { StartTraining, TrainingExit, TrainingOrder, TrainingProcess } from './run/training-process.ts';
export type { PostWebhook, WebhookTarget } from './webhooks/webhook-queue.ts';
