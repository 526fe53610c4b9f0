import type { Item } from '../items.ts';
import { sizeOf } from './size-of.ts';

/**
 * The items of a response behind those of the response that it goes on from. Responses that go on from the same one share its history,
 * which stays while one of them is kept, also after that response itself was dropped.
 */
export interface History {
  readonly items: readonly Item[];
  readonly before: History | undefined;
  readonly bytes: number;
  /** How many refer to it: the kept response, and the histories that go on from it. */
  holders: number;
}

/** @param before  it is held until the new history is released */
export function createHistory(items: readonly Item[], before: History | undefined): History {
  if (before !== undefined) before.holders++;
  return { items, before, bytes: sizeOf(items), holders: 1 };
}

/** All items, oldest first. */
export function itemsOf(history: History): readonly Item[] {
  const parts: (readonly Item[])[] = [];
  for (let at: History | undefined = history; at !== undefined; at = at.before) parts.push(at.items);
  return parts.reverse().flat();
}

/** Gives up one hold of a history. @returns the bytes that nobody holds any longer */
export function releaseHistory(history: History): number {
  let freed = 0;
  for (let at: History | undefined = history; at !== undefined && --at.holders === 0; at = at.before) freed += at.bytes;
  return freed;
}
