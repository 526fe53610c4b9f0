export {
  checkpointPath,
  checkpointsOf,
  keepOnly,
  listCheckpoints,
  type NamedCheckpoint,
  openNewest,
  type RefusedCheckpoint,
  resolveCheckpoints,
} from './checkpoint-folder.ts';
export type { CheckpointIndex, CheckpointPart, PartType } from './checkpoint-index.ts';
export { OpenCheckpoint } from './open-checkpoint.ts';
export {
  type CheckpointContent,
  type PartContent,
  writeCheckpoint,
  type WriteCheckpointOptions,
} from './write-checkpoint.ts';
