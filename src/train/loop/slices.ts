import { breathe } from '../../core/index.ts';

/**
 * WHY 32768: the most expensive loop (AdamW, about 5 ns per element once compiled) stays far below a millisecond, even before it is
 * compiled.
 */
const sliceLength = 1 << 15;

/** Visits [0, length) in slices, and lets other tasks of the event loop run in between. */
export async function inSlices(length: number, visit: (start: number, end: number) => void): Promise<void> {
  for (let start = 0; start < length; start += sliceLength) {
    visit(start, Math.min(length, start + sliceLength));
    await breathe();
  }
}
