import { breathe } from '../../../core/index.ts';
import { typedArray, zerosOf, type TensorOf } from '../../../tensor/index.ts';

/** The sizes of the matrices of experts: of each expert, A is [rank, in] and B is [out, rank]. */
export interface ExpertSizes {
  readonly experts: number;
  readonly rank: number;
  /** Of one expert. */
  readonly in: number;
  /** Of one expert. */
  readonly out: number;
}

/** The shapes of the matrices in PEFT's files: A has the ranks of each expert together, B the experts of each rank. */
export function peftExpertShapes({ experts, rank, in: width, out }: ExpertSizes): Record<'a' | 'b', readonly number[]> {
  return { a: [experts * rank, width], b: [out, rank * experts] };
}

/**
 * From PEFT's order of experts to ours:
 *
 *   A [experts·rank, in] → [rank, experts·in]        B [out, rank·experts] → [experts·out, rank]
 *
 * WHY another order: a rank of all experts is then one row of A and one column of B, as for every other module. Adapters can be stacked
 * by ranks.
 *
 * @see PEFT's `ParamWrapper.get_delta_weight`
 */
export async function fromPeftExperts(
  { a, b }: Record<'a' | 'b', TensorOf<'float32'>>,
  sizes: ExpertSizes,
): Promise<Record<'a' | 'b', TensorOf<'float32'>>> {
  const { experts, rank, in: width, out } = sizes;
  return {
    a: await moved(a, [rank, experts * width], placesOfA(sizes)),
    b: await moved(b, [experts * out, rank], placesOfB(sizes)),
  };
}

/** The inverse of `fromPeftExperts`. */
export async function toPeftExperts(
  { a, b }: Record<'a' | 'b', TensorOf<'float32'>>,
  sizes: ExpertSizes,
): Promise<Record<'a' | 'b', TensorOf<'float32'>>> {
  const shapes = peftExpertShapes(sizes);
  const inverse =
    (places: Places): Places =>
    (use) =>
      places((from, to, count) => use(to, from, count));
  return {
    a: await moved(a, shapes.a, inverse(placesOfA(sizes))),
    b: await moved(b, shapes.b, inverse(placesOfB(sizes))),
  };
}

/** Calls `use` for runs of numbers: where they lie in PEFT's order, where in ours, and how many there are. */
type Places = (use: (from: number, to: number, count: number) => void) => Iterable<void>;

function placesOfA({ experts, rank, in: width }: ExpertSizes): Places {
  return function* (use) {
    for (let expert = 0; expert < experts; expert++) {
      for (let row = 0; row < rank; row++) use((expert * rank + row) * width, (row * experts + expert) * width, width);
      yield;
    }
  };
}

function placesOfB({ experts, rank, out }: ExpertSizes): Places {
  return function* (use) {
    for (let row = 0; row < out; row++) {
      for (let column = 0; column < rank; column++) {
        for (let expert = 0; expert < experts; expert++) {
          use((row * rank + column) * experts + expert, (expert * out + row) * rank + column, 1);
        }
      }
      yield;
    }
  };
}

async function moved(
  source: TensorOf<'float32'>,
  shape: readonly number[],
  places: Places,
): Promise<TensorOf<'float32'>> {
  const result = zerosOf('float32', shape);
  const [from, to] = [typedArray(source), typedArray(result)];
  for (const _ of places((start, end, count) => to.set(from.subarray(start, start + count), end))) await breathe();
  return result;
}
