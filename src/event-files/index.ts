export { EventFile, type WallClock } from './event-file.ts';
export type { EventContent } from './event.ts';
