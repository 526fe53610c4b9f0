import { breathe } from '../../core/index.ts';

/** WHY 32768: the dearest loop here (AdamW, about 5 ns an element once compiled) stays far below a millisecond, even while it still runs interpreted. */
const sliceLength = 1 << 15;

/** Visits [0, length) in slices, letting the event loop turn between two of them. */
export async function inSlices(length: number, visit: (start: number, end: number) => void): Promise<void> {
  for (let start = 0; start < length; start += sliceLength) {
    visit(start, Math.min(length, start + sliceLength));
    await breathe();
  }
}
