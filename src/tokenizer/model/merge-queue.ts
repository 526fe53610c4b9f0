import type { Steps } from '../../core/index.ts';
import type { PairTable } from './pair-table.ts';

/** A rank and a place in the text are one number: the rank, times this, plus the place. */
const places = 2 ** 32;
/** A number holds 53 bits exactly. */
export const maxMerges = 2 ** 21;

/** What merging gives. */
export interface Merged {
  readonly ids: number[];
  /** For each id the place of its first part among the smallest parts, where that is asked for. */
  readonly places?: number[];
}

/**
 * Byte-pair merging of one piece: the pair of the lowest rank is merged first, and the leftmost of these, until no pair is left.
 *
 * Pairs wait in a binary heap by rank and place. An entry whose pair has changed since is skipped. Time is O(n log n).
 *
 * @param symbols  the ids of the smallest parts, in order; overwritten
 * @param merges   for each pair of ids: its rank, and the id that it becomes
 * @param merged   gets the merged ids
 * @see Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", section 3.2
 */
export function* mergeSteps(symbols: number[], merges: PairTable, merged: Merged): Steps<void> {
  const { length } = symbols;
  const next = new Int32Array(length);
  const previous = new Int32Array(length);
  const heap: number[] = [];
  const offer = (at: number): void => {
    const right = next[at] ?? length;
    if (right >= length) return;
    const found = merges.find(symbols[at] ?? 0, symbols[right] ?? 0);
    if (found >= 0) push(heap, merges.value(found) * places + at);
  };
  let count = 0;
  for (let at = 0; at < length; at++) {
    next[at] = at + 1;
    previous[at] = at - 1;
    offer(at);
    if (++count % mergesPerStep === 0) yield;
  }
  for (let top = pop(heap); top !== undefined; top = pop(heap)) {
    if (++count % mergesPerStep === 0) yield;
    const at = top % places;
    const rank = (top - at) / places;
    const right = next[at] ?? length;
    if (symbols[at] === removed || right >= length) continue;
    const found = merges.find(symbols[at] ?? 0, symbols[right] ?? 0);
    if (found < 0 || merges.value(found) !== rank) continue;
    symbols[at] = merges.other(found);
    symbols[right] = removed;
    const after = next[right] ?? length;
    next[at] = after;
    if (after < length) previous[after] = at;
    const before = previous[at] ?? -1;
    if (before >= 0) offer(before);
    offer(at);
  }
  for (let at = 0; at < length; at = next[at] ?? length) {
    merged.ids.push(symbols[at] ?? 0);
    merged.places?.push(at);
    if (++count % mergesPerStep === 0) yield;
  }
}

/** Some hundred microseconds of work. */
const mergesPerStep = 1024;

const removed = -1;

function push(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= value) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = value;
}

function pop(heap: number[]): number | undefined {
  const top = heap[0];
  const value = heap.pop();
  if (top === undefined || value === undefined || heap.length === 0) return top;
  const { length } = heap;
  let at = 0;
  for (let child = 1; child < length; child = 2 * at + 1) {
    if (child + 1 < length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
    const below = heap[child] ?? 0;
    if (below >= value) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = value;
  return top;
}
