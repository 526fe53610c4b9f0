import { dropoutKeys } from '../../lora/index.ts';
import { elementCount, tensorOf, typedArray, type TensorData } from '../../tensor/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import type { PassPlace } from './passes.ts';

/** Most keys of a batch that is not made of tokens. Further rows use the same keys again. */
const maxKeys = 1 << 16;

export interface DropoutPlace extends PassPlace {
  readonly seed: number;
}

/**
 * The dropout keys of a pass, i32 [2, tokens]: those of all tokens, padding included, and those of the tokens that predict a target, or of
 * the rows of a classifier. The key of a token is determined by the seed, the step, the place of its row in the step and its place in the
 * row: however rows are divided into passes, micro-batches and ranks, each gets the same masks.
 *
 * Rows that are not made of tokens get keys by the pass: for these the number of elements of the largest input bounds the number of rows.
 */
export function keysOf(micro: Pick<MicroBatch, 'feeds' | 'places'>, place: DropoutPlace): TensorData {
  const { feeds, places } = micro;
  const ids = feeds.get('input_ids');
  if (places !== undefined && ids !== undefined) return tokenKeys(micro, ids, { ...place, places });
  const { seed, step, microBatch } = place;
  const rows = Math.max(1, ...[...feeds.values()].map(({ shape }) => elementCount(shape)));
  const count = Math.min(rows, maxKeys);
  const keys = dropoutKeys(count, { seed, stream: `dropout/${step}/${microBatch}` });
  return tensorOf('int32', [2, count], [...keys, ...keys]);
}

/** The keys of a pass that computes nothing. */
export const noKeys: TensorData = tensorOf('int32', [2, 1], [1, 1]);

function tokenKeys(
  { feeds }: Pick<MicroBatch, 'feeds'>,
  ids: TensorData,
  { seed, step, places }: Omit<DropoutPlace, 'microBatch'> & { readonly places: readonly number[] },
): TensorData {
  const rectangle = feeds.get('rectangle');
  const [, longest = 0] = rectangle ? Array.from(typedArray(rectangle), Number) : ids.shape;
  const rows = places.map((row) => dropoutKeys(longest, { seed, stream: `dropout/${step}/row ${row}` })).flat();
  const at = feeds.get('token_places');
  const keys = at === undefined ? rows : Array.from(typedArray(at), Number).map((index) => rows[index] ?? NaN);
  const targets = feeds.get('target_rows');
  const chosen = targets ? Array.from(typedArray(targets), Number) : places.map((_, row) => row * longest);
  const others = keys.map((_, i) => keys[chosen[i] ?? -1] ?? 1);
  return tensorOf('int32', [2, keys.length], [...keys, ...others]);
}
