import type { Floats } from '../optimizer/optimizer.ts';
import { inSlices } from '../loop/slices.ts';

/** A range of flat elements. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Elements that are sent at once. WHY not all: a copy of every weight of a full training would be too much. */
const chunkLength = 1 << 20;

/**
 * Arrays of the same layout, of which some ranges are replaced by a weighted mean over all ranks.
 *
 * WHY the mean of weights is exact: an update of LoRA is s·BA, and with the same A everywhere Σ wᵢ·s·BᵢA = s·(Σ wᵢ·Bᵢ)·A. The mean of A
 * and of B apart is not the mean of their products, so that both can never be in one range.
 */
export class MergedArrays {
  readonly #arrays: readonly Floats[];
  readonly #ranges: readonly Range[];
  readonly #length: number;
  #buffer: Floats | undefined;

  /** @param arrays  parameters and state, each in the layout of the parameters @param ranges  ascending */
  constructor(arrays: readonly Floats[], ranges: readonly Range[]) {
    this.#arrays = arrays;
    this.#ranges = ranges;
    this.#length = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** @param weight  of this rank; those of all ranks add up to 1 @param add  replaces numbers by their sums over all ranks */
  async replace(weight: number, add: (values: Floats) => Promise<void>): Promise<void> {
    for (const array of this.#arrays) {
      for (let at = 0; at < this.#length; at += chunkLength) {
        const part = { start: at, end: Math.min(at + chunkLength, this.#length) };
        const values = this.#room(array).subarray(0, part.end - part.start);
        await this.#visit(part, (from, to, place) => {
          for (let i = from; i < to; i++) values[place + i - from] = (array[i] ?? 0) * weight;
        });
        await add(values);
        await this.#visit(part, (from, to, place) => array.set(values.subarray(place, place + to - from), from));
      }
    }
  }

  #room(array: Floats): Floats {
    const length = Math.min(chunkLength, this.#length);
    const fits = this.#buffer?.BYTES_PER_ELEMENT === array.BYTES_PER_ELEMENT;
    if (!fits) this.#buffer = array instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
    return this.#buffer ?? new Float32Array();
  }

  /** The pieces of the arrays that a part of the ranges, one after the other, is made of. @param visit  also gets the place in the part */
  async #visit(part: Range, visit: (from: number, to: number, place: number) => void): Promise<void> {
    let before = 0;
    for (const { start, end } of this.#ranges) {
      const [low, high] = [Math.max(part.start, before), Math.min(part.end, before + end - start)];
      const offset = start - before;
      before += end - start;
      if (low >= high) continue;
      await inSlices(high - low, (from, to) => visit(offset + low + from, offset + low + to, low + from - part.start));
    }
  }
}
