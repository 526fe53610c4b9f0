export { formatBytes, isDiskFull } from './disk-full.ts';
export { acquireLock, type LockOptions, type Wait } from './file-lock.ts';
export { assertFree } from './path-exists.ts';
export { publishFolder, StagedFolder, type StagedFolderOptions } from './staged-folder.ts';
export { writeAtomically, type WriteAtomicallyOptions } from './write-atomically.ts';
export { ownMark } from './process-mark.ts';
export { stagingName } from './staging-name.ts';
export { sweepStaging } from './sweep-staging.ts';
export { isSameFile, isUnchanged, type Stamp, stampOf } from './stamp.ts';
