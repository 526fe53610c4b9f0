export { adapterNameForm, checkpointNameOf, isAdapterName, isFineTunedName, jobNameOf } from './adapter-name.ts';
export { breathe } from './breathe.ts';
export { definedOnly } from './defined-only.ts';
export {
  type AdapterEvent,
  type AdapterEventKind,
  type Cause,
  type NewAdapterEvent,
  onAdapterEvent,
  publishAdapterEvent,
  serverItself,
} from './adapter-events.ts';
export { type Clock, systemClock } from './clock.ts';
export type { CodeEntry } from './codes/code-entry.ts';
export { codes, type ErrorCode } from './codes/index.ts';
export { type ErrorDetail, type ErrorDetails, EspalierError } from './errors.ts';
export { graphPlaces } from './graph-places.ts';
export { isFile, namesIn } from './look-at-files.ts';
export { LeastRecentlyUsed } from './lru.ts';
export { messageOf } from './message-of.ts';
export { createScope, everyName, type Scope } from './name-scope.ts';
export { didYouMean, nearest } from './nearest.ts';
export { nearestRank } from './nearest-rank.ts';
export { flagOf, hintAtKey, option, optionList, optionOfKey, OptionText, optionText } from './option-text.ts';
export { packageVersion } from './package-version.ts';
export { type JobEvent, type JobStatus, jobStatuses, onJobEvent, publishJobEvent } from './job-events.ts';
export { Pace } from './pace.ts';
export { createRandom, type Random } from './random.ts';
export { ResourceStack } from './resource-stack.ts';
export { Sha256 } from './sha256.ts';
export { finishInSlices, finishNow, type Steps } from './steps.ts';
export { decideThreads } from './threads/decide-threads.ts';
export { mostSpinningSessions, planThreads, type ThreadPlan, usualSpinUs } from './threads/plan-threads.ts';
export { systemTimers, type Timers } from './timers.ts';
export { Turns } from './turns.ts';
export {
  noteWrittenNumbers,
  parseWithNumbers,
  withWrittenNumbers,
  type WrittenNumber,
  writtenNumbersOf,
} from './written-numbers.ts';
