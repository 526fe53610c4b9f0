export { breathe } from './breathe.ts';
export { systemClock, type Clock } from './clock.ts';
export { codes, type ErrorCode } from './codes/index.ts';
export type { CodeEntry } from './codes/code-entry.ts';
export { EspalierError, type ErrorDetails } from './errors.ts';
export { LeastRecentlyUsed } from './lru.ts';
export { didYouMean, nearest } from './nearest.ts';
export { Pace } from './pace.ts';
export { createRandom, type Random } from './random.ts';
